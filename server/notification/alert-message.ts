// An alert as a message (RFC 5322): a short subject, plain text, and `Auto-Submitted` (RFC 3834 §5) so that no machine
// answers it. Every line is ASCII unless an address itself is not: the text is encoded where it must be. Pure.

import type { EpochMs } from '../clock.ts';
import { formatDate } from '../message/date.ts';
import { alertKinds } from './alert.ts';
import { isAscii, oneLine, wrapped } from './mail-text.ts';
import { type Detail, type Notice, noticeText, shownMinute } from './notice.ts';
import { subjectField } from './report-message.ts';

export type AlertMessageFacts = Readonly<{
  id: string;
  /** This server's name. */
  host: string;
  /** Mailboxes as they go on the wire. */
  from: string;
  to: string;
  notice: Notice;
  detail: Detail;
  /** Null while the clock cannot be trusted: then the upstream gives the message its date. */
  date: EpochMs | null;
}>;

/** The whole message, lines ended by CRLF. */
export function alertMessage(facts: AlertMessageFacts): string {
  const body = bodyText(facts);
  const isPlain = isAscii(body);
  const header = [
    ...(facts.date === null ? [] : [`Date: ${formatDate(facts.date)}`]),
    `From: Postern <${facts.from}>`,
    `To: <${facts.to}>`,
    subjectField(subjectText(facts)),
    `Message-ID: <${facts.id}@${facts.host}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Transfer-Encoding: ${isPlain ? '7bit' : 'base64'}`,
  ];
  const lines = isPlain ? body : base64Lines(body);
  return `${[...header, '', ...lines.split('\n')].join('\r\n')}\r\n`;
}

function subjectText({ host, notice, detail }: AlertMessageFacts): string {
  const { minimal } = alertKinds[notice.kind];
  return detail === 'full' ? `Postern on ${host}: ${minimal}` : `Postern: ${minimal}`;
}

function bodyText({ host, notice, detail }: AlertMessageFacts): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['Kind', notice.kind],
    ['Time', shownMinute(notice.at)],
    ...(detail === 'full'
      ? ([
          ['Account', notice.account],
          ['Address', notice.address],
          ['Server', host],
        ] as const)
      : []),
  ];
  return [
    ...wrapped(noticeText(notice, detail)),
    '',
    ...facts.flatMap(([name, value]) => (value === null ? [] : [`${name}: ${oneLine(value)}`])),
    '',
    '"postern alert list" on the server shows all alerts.',
  ].join('\n');
}

function base64Lines(text: string): string {
  const octets = Buffer.from(text.replaceAll('\n', '\r\n'), 'utf8');
  return octets.toString('base64').replace(/.{76}(?=.)/g, '$&\n');
}
