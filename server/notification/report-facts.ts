// What a report about mail (RFC 3464) is made from, as values; and which of our words and the upstream's stand for what
// happened. Pure vocabulary.

import type { EpochMs } from '../clock.ts';
import type { ReportKind } from '../queue/outcome.ts';

export type ReportedRecipient = Readonly<{
  forwardPath: string;
  /** ORCPT (RFC 3461 §4.2) as `rfc822;address` or `utf-8;address`, decoded; null where none was given. */
  originalRecipient: string | null;
  /** `given-up`: by the operator, although no attempt failed for good. */
  end: 'refused' | 'expired' | 'given-up' | 'late' | 'relayed';
  /** In plain words, as recorded with the last attempt; null where nothing was. Says what comes next only of what is late. */
  why: string | null;
  /** The remote reply in one line; null where there was none. */
  reply: string | null;
  /** The enhanced status code where it is ours and not the upstream's. */
  status: string | null;
  /** What the operator calls the upstream of the last attempt; null where none had a part in it. */
  upstream: string | null;
  /** Of the upstream where it was tried last: name or address. */
  host: string | null;
  lastAttemptAt: EpochMs | null;
  /** It is tried until then at least; null once settled. */
  triedUntil: EpochMs | null;
}>;

/** What the queue knows of the message that the report is about. */
export type ReportedMessage = Readonly<{
  id: string;
  queuedAt: EpochMs;
  /** Name of the account; null for mail that no account sent. */
  account: string | null;
  reversePath: string;
  /** ENVID, decoded. */
  envelopeId: string | null;
}>;

/** What its content says. */
export type OriginalText = Readonly<{
  /** Decoded, in one line. */
  subject: string | null;
  /** As the header has it, in one line of ASCII. */
  date: string | null;
  /** With its angle brackets; null where it is not one that may stand in our header. */
  messageId: string | null;
  /** The header's octets, CRLF line ends; cut after a field where it is very long. */
  header: Uint8Array;
  /** All octets, where they are to be returned. */
  whole: Uint8Array | null;
}>;

export type ReportFacts = Readonly<{
  /** Of the report. */
  id: string;
  /** This server's name. */
  host: string;
  /** A mailbox as it goes on the wire. */
  to: string;
  kind: ReportKind;
  /** Null while the clock cannot be trusted: then no time is named. */
  date: EpochMs | null;
  about: ReportedMessage;
  recipients: readonly ReportedRecipient[];
  /** `unreadable`: gone or damaged. `confidential`: REQUIRETLS (RFC 8689 §5) keeps it from a report that may go without TLS. */
  original: OriginalText | 'unreadable' | 'confidential';
}>;

/** A message ready for the queue. */
export type MadeReport = Readonly<{
  octets: Uint8Array;
  bodyType: '7bit' | '8bitmime';
  smtputf8: boolean;
}>;

/** RFC 3463, of the class that fits the action; `5.0.0` and the like where nobody said more. */
export function statusOf({ end, status, reply }: ReportedRecipient): string {
  const said = status ?? /^\d{3} ([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(reply ?? '')?.[1] ?? null;
  const ofClass = (digit: string) =>
    said !== null && !said.startsWith('2') ? `${digit}${said.slice(1)}` : `${digit}.0.0`;
  switch (end) {
    case 'refused':
      return ofClass('5');
    case 'late':
      return ofClass('4');
    case 'expired':
      return '4.4.7'; // RFC 3463 §3.5: "useful only as a persistent transient error".
    case 'given-up':
      return status?.startsWith('5') ? status : '5.0.0';
    case 'relayed':
      return said?.startsWith('2') ? said : '2.0.0';
    default:
      return end satisfies never;
  }
}

/** Records of earlier versions also say what comes next. Nothing does, of what is settled. */
export function withoutOutlook(why: string): string {
  return why.replace(
    /; (?:it|the rest) will be (?:tried|sent) [^.;]*(?=\.)| (?:The message|Mail) waits [^.;]*\./g,
    '',
  );
}
