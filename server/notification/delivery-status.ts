// The part of a report that mail programs read (RFC 3464), or its international form (RFC 6533 §3, §4) where an address is
// not ASCII: fields about the message, then about each recipient. Every line is ASCII unless an address itself is not. Pure.

import type { EpochMs } from '../clock.ts';
import { formatDate } from '../message/date.ts';
import { isAscii, oneLine, wrapped } from './mail-text.ts';
import { type ReportedRecipient, type ReportFacts, statusOf } from './report-facts.ts';

const ACTIONS = {
  refused: 'failed',
  expired: 'failed',
  'given-up': 'failed',
  late: 'delayed',
  relayed: 'relayed',
} as const satisfies Record<ReportedRecipient['end'], string>;

/** Whether the international form is needed. */
export function isInternational({ recipients }: Pick<ReportFacts, 'recipients'>): boolean {
  return recipients.some(one => !isAscii(one.forwardPath + (one.originalRecipient ?? '')));
}

/** Lines ended by CRLF. */
export function deliveryStatus(facts: ReportFacts): string {
  const { about, host, date } = facts;
  const international = isInternational(facts);
  const groups = [
    [
      ...(about.envelopeId === null ? [] : [field('Original-Envelope-Id', about.envelopeId)]),
      field('Reporting-MTA', `dns; ${host}`),
      field('X-Postern-Queue-Id', about.id),
      ...timeField('Arrival-Date', date === null ? null : about.queuedAt),
    ],
    ...facts.recipients.map(one => recipientFields(one, { international, clockTrusted: date !== null })),
  ];
  return `${groups.map(lines => lines.join('\r\n')).join('\r\n\r\n')}\r\n`;
}

function recipientFields(
  one: ReportedRecipient,
  { international, clockTrusted }: Readonly<{ international: boolean; clockTrusted: boolean }>,
): readonly string[] {
  const { originalRecipient, forwardPath, host, reply, why } = one;
  const ownWords = why === null ? [] : [field('Diagnostic-Code', `X-Postern; ${shown(why, international)}`)];
  return [
    ...(originalRecipient === null ? [] : [field('Original-Recipient', typed(originalRecipient))]),
    field('Final-Recipient', `${isAscii(forwardPath) ? 'rfc822' : 'utf-8'}; ${forwardPath}`),
    field('Action', ACTIONS[one.end]),
    field('Status', statusOf(one)),
    ...(reply === null || host === null ? [] : [field('Remote-MTA', `dns; ${literal(host)}`)]),
    ...(reply === null
      ? ownWords
      : [field('Diagnostic-Code', `${diagnosticType(reply)}; ${shown(reply, international)}`)]),
    ...(clockTrusted
      ? [
          ...timeField('Last-Attempt-Date', one.lastAttemptAt),
          ...timeField('Will-Retry-Until', one.end === 'late' ? one.triedUntil : null),
        ]
      : []),
  ];
}

/** RFC 3464 §2.3.6. What a sending API answers is no SMTP (relay/apis/http-verdict.ts, `replyLine`). */
function diagnosticType(reply: string): string {
  return /^HTTP \d{3}\b/.test(reply) ? 'X-HTTP' : 'smtp';
}

function field(name: string, value: string): string {
  return wrapped(`${name}: ${value}`).join('\r\n ');
}

function timeField(name: string, time: EpochMs | null): readonly string[] {
  return time === null ? [] : [field(name, formatDate(time))];
}

/** `rfc822;anna@example.net` with the blank that people and programs expect. */
function typed(originalRecipient: string): string {
  return originalRecipient.replace(';', '; ');
}

/** An upstream that is configured by its address: RFC 5321 §4.1.3. */
function literal(host: string): string {
  if (host.includes(':')) return `[IPv6:${host}]`;
  return /^[\d.]+$/.test(host) ? `[${host}]` : host;
}

/** Only the international form may carry more than ASCII; the text for people has the whole reply. */
function shown(text: string, international: boolean): string {
  return international ? oneLine(text) : oneLine(text).replace(/[^\x20-\x7e]/gu, '?');
}
