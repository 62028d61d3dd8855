// What a report says to a person: what happened, to which message, why, what to do, and what the other side answered. The
// first part of every report, and the lines of a digest. Pure.

import type { ReportKind } from '../queue/outcome.ts';
import { oneLine, shortened, wrapped } from './mail-text.ts';
import { shownMinute } from './notice.ts';
import { type ReportedRecipient, type ReportFacts, statusOf } from './report-facts.ts';

const LONGEST_SUBJECT = 120;
/** Where the values of a message's facts begin. */
const COLUMN = 9;

/** For the header field Subject. */
export function reportSubject(facts: ReportFacts): string {
  return `${HEADLINES[facts.kind]}: ${titleOf(facts)}`;
}

/** Lines joined by LF. */
export function reportText(facts: ReportFacts): string {
  return [
    ...wrapped(`This is the mail server ${facts.host}. ${OPENINGS[facts.kind]}`),
    '',
    ...messageLines(facts),
    ...facts.recipients.flatMap(one => ['', ...recipientLines(one, facts)]),
    '',
    ...closingLines(facts),
  ].join('\n');
}

/** One message of a digest. */
export function digestLines(facts: ReportFacts): readonly string[] {
  const taken = facts.date === null ? '' : `, ${shownMinute(facts.about.queuedAt)}`;
  return [
    ...wrapped(`${HEADLINES[facts.kind]}: ${titleOf(facts)}${taken} (${facts.about.id})`),
    ...facts.recipients.flatMap(one => recipientLines(one, facts).map(line => `  ${line}`)),
  ];
}

export const HEADLINES = {
  failure: 'Not delivered',
  delay: 'Late',
  relayed: 'Passed on',
} as const satisfies Record<ReportKind, string>;

const OPENINGS = {
  failure: 'It could not deliver a message, and does not try again.',
  delay:
    'A message is late: it could not be delivered yet. It is tried again by itself, and need not be sent again.',
  relayed:
    'A message was passed on to the next mail server, which does not report what becomes of it. Whoever sent the message asked for this report.',
} as const satisfies Record<ReportKind, string>;

function titleOf({ original, recipients }: ReportFacts): string {
  const subject = typeof original === 'string' ? null : original.subject;
  if (subject !== null && subject !== '') return shortened(subject, LONGEST_SUBJECT);
  const [first, ...more] = recipients;
  return more.length > 0 ? `mail to ${recipients.length} recipients` : `mail to ${first?.forwardPath ?? ''}`;
}

function messageLines({ about, original, date }: ReportFacts): readonly string[] {
  const text = typeof original === 'string' ? null : original;
  const sender = about.reversePath === '' ? 'no sender address' : about.reversePath;
  const from = about.account === null ? sender : `account ${about.account}, as ${sender}`;
  const lines: readonly (readonly [string, string | null])[] = [
    ['Subject', text?.subject ?? null],
    ['Date', text?.date ?? null],
    ['From', from],
    ['Taken', date === null ? null : shownMinute(about.queuedAt)],
    ['ID', about.id],
  ];
  return lines.flatMap(([name, value]) => (value === null ? [] : column(`${name}:`, value)));
}

function recipientLines(one: ReportedRecipient, { date }: ReportFacts): readonly string[] {
  const lines: readonly (readonly [string, string | null])[] = [
    ['Why', whyOf({ ...one, why: forReaders(one) })],
    ['What to do', advice(one)],
    [
      'Tried until',
      one.end === 'late' && one.triedUntil !== null && date !== null
        ? `${shownMinute(one.triedUntil)} at least; if it fails, another report comes.`
        : null,
    ],
  ];
  const answer =
    one.reply === null ? [] : [`  ${one.host ?? 'The other side'} answered:`, ...wrapped(one.reply, '    ')];
  return [
    `To ${oneLine(one.forwardPath)}:`,
    ...lines.flatMap(([name, value]) => (value === null ? [] : hanging(`  ${name}: ${value}`, '    '))),
    ...answer,
  ];
}

/** Only the operator knows what an upstream is called. */
function forReaders({ why, upstream }: ReportedRecipient): string | null {
  if (why === null || upstream === null) return why;
  const name = upstream.replace(/[^\w]/g, '\\$&');
  return why.replace(
    new RegExp(`(^|\\b(?:to|than|at|of) )${name}(?=[ .,])`),
    (_, before: string) => `${before}${before === '' ? 'The' : 'the'} provider (${upstream})`,
  );
}

function whyOf({ end, why }: ReportedRecipient): string | null {
  switch (end) {
    case 'expired':
      return `It was tried for as long as this server tries, without success.${why === null ? '' : ` The last time: ${why}`}`;
    case 'given-up':
      return why ?? 'The operator of this server gave it up.';
    case 'refused':
      return why ?? 'The other side refused it for good.';
    case 'late':
    case 'relayed':
      return why;
    default:
      return end satisfies never;
  }
}

/** By RFC 3463's subject and detail; the first that fits. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^5\.1\.([1236]|10)$/, 'Check the address for typing errors, in the device or its address book.'],
  [/^5\.1\.[78]$/, 'Give the device another sender address: the other side does not accept this one.'],
  [/^5\.2\.1$/, 'The mailbox takes no mail now. Tell the recipient in another way.'],
  [/^5\.2\.2$/, 'The mailbox is full. The recipient has to make room; then send it again.'],
  [/^5\.(2\.3|3\.4)$/, 'Send it smaller: fewer pages, a lower resolution, or several messages.'],
  [/^5\.6\./, 'Send it in another form, such as PDF, or with plain letters in names and subject.'],
  [
    /^5\.7\./,
    'The rules of the other side forbid it. What it answered may say what it wants; else ask the recipient.',
  ],
];

function advice(one: ReportedRecipient): string | null {
  switch (one.end) {
    case 'refused': {
      const status = statusOf(one);
      const found = ADVICE.find(([pattern]) => pattern.test(status));
      return found?.[1] ?? 'Put right what is named here, and send it again.';
    }
    case 'expired':
      // What the upstream does not let us send as (relay/classify.ts) is not the recipient's to mend.
      return one.status === '4.1.8'
        ? 'Give the device another sender address, or ask the operator of this server to have this one allowed there; then send it again.'
        : 'Ask the recipient whether their mail works, and send it again.';
    case 'given-up':
      return 'Ask the operator of this server, or send it again.';
    case 'late':
    case 'relayed':
      return null;
    default:
      return one.end satisfies never;
  }
}

function closingLines({ about, original, kind }: ReportFacts): readonly string[] {
  const retry = kind === 'failure' ? `; "postern queue retry ${about.id}" tries it again` : '';
  return [
    ...wrapped(
      `For the operator of this server: "postern queue show ${about.id}" tells the story of each attempt${retry}.`,
    ),
    ...(original === 'unreadable' ? ['', 'The content of the message can no longer be read here.'] : []),
    ...(original === 'confidential'
      ? [
          '',
          ...wrapped(
            'The sender demanded encryption on the whole way, so nothing of its content stands here.',
          ),
        ]
      : []),
  ];
}

function column(label: string, value: string): readonly string[] {
  const indent = ' '.repeat(COLUMN);
  return wrapped(value, indent).map((line, i) => (i === 0 ? label.padEnd(COLUMN) + line.trimStart() : line));
}

/** Wrapped, the lines after the first indented. */
function hanging(text: string, indent: string): readonly string[] {
  const own = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...more] = wrapped(text.trimStart(), indent);
  return [own + first.trimStart(), ...more];
}
