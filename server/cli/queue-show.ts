// `postern queue show`: the story of one message: what it is, what each recipient waits for or came to, every attempt, and
// the reports about it.

import type {
  ListedMessage,
  ListedRecipient,
  ListedReport,
  RecordedAttempt,
} from '../queue/listed-message.ts';
import { type Call, type Command, done, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import type { MessageSummary } from './message-summary.ts';
import { facts, harmless, sentence, shownSize, shownTime, table } from './output.ts';
import { circumstancesOf } from './queue-circumstances.ts';
import { attemptOf, idOf, itemOf, recipientOf, reportOf, unknownIds } from './queue-item.ts';
import {
  type Circumstances,
  heldWords,
  placeOf,
  waitingParts,
  waitingWords,
  whyWaiting,
} from './queue-waiting.ts';

export const showCommand: Command = {
  name: 'queue show',
  argument: 'ID',
  means:
    'show a message: sender, subject, attachments; for every recipient what it waits for, and every attempt; the reports about it',
  options: [],
  printsData: true,
  needs: 'store',
  run: show,
};

type Story = Readonly<{
  message: ListedMessage;
  /** Null where the content is gone, or cannot be read. */
  summary: MessageSummary | null;
  attempts: readonly RecordedAttempt[];
  reports: readonly ListedReport[];
  circumstances: Circumstances;
}>;

async function show(call: Call, store: CommandStore): Promise<Result> {
  const id = idOf(call.arguments[0] ?? '');
  const [message] = await store.queue.list({ ids: [id] });
  if (message === undefined) return unknownIds([id]);
  const story: Story = {
    message,
    summary: await summaryOf(message, store),
    attempts: await store.queue.attempts(id),
    reports: await store.queue.reports(id),
    circumstances: await circumstancesOf(store),
  };
  const warnings =
    story.summary === null && message.content !== 'gone'
      ? ['The content of this message cannot be read: the disk may be failing.']
      : [];
  const why = whyWaiting([message], story.circumstances);
  return done(shownStory(story) + why, dataOf(story), { warnings });
}

async function summaryOf(message: ListedMessage, store: CommandStore): Promise<MessageSummary | null> {
  if (message.content === 'gone') return null;
  const content = await store.openContent({ id: message.id, content: message.content });
  if (content === null) return null;
  const { summarize } = await import('./message-summary.ts');
  return summarize(content).catch(() => null);
}

function dataOf({ message, summary, attempts, reports, circumstances }: Story): object {
  const recipients = message.recipients.map(recipient => ({
    ...recipientOf(recipient),
    ...placeData(message, recipient, circumstances),
    waits: waitingWords(message, recipient, circumstances),
    report_due: recipient.report,
  }));
  return {
    ...itemOf(message),
    recipients,
    sender: summary?.sender ?? null,
    subject: summary?.subject ?? null,
    attachments: summary?.attachments ?? [],
    attempts: attempts.map(attemptOf),
    reports: reports.map(reportOf),
  };
}

/** Where a recipient may go; nothing of that once it is settled. */
function placeData(message: ListedMessage, recipient: ListedRecipient, circumstances: Circumstances): object {
  if (recipient.settledAt !== null) return { route: null, upstreams: [], may_have_it: false };
  const place = placeOf(message, recipient, circumstances);
  const names = place.upstreams.map(upstream => upstream.name);
  return { route: place.route?.name ?? null, upstreams: names, may_have_it: place.bound };
}

function shownStory(story: Story): string {
  const { message, reports } = story;
  const parts = [shownHead(story), ...message.recipients.map(recipient => shownRecipient(recipient, story))];
  if (reports.length > 0) parts.push(shownReports(reports));
  return parts.join('\n\n');
}

function shownHead({ message, summary }: Story): string {
  const gone = message.content === 'gone' ? '- (the content was removed after relaying)' : '-';
  return facts([
    ['Message', message.id],
    ['Account', message.account ?? '- (written by Postern)'],
    ['Reverse-path', `<${message.reversePath}>`],
    ['Queued', shownTime(message.queuedAt)],
    ['Size', shownSize(message.size)],
    ...(message.held ? ([['Held', sentence(heldWords(message))]] as const) : []),
    ['Sender', summary?.sender ?? '-'],
    ['Subject', summary?.subject ?? gone],
    ...(summary?.attachments ?? []).map(
      ({ name, type, size }) =>
        ['Attachment', `${name ?? '(no name)'}, ${type}, ${shownSize(size)}`] as const,
    ),
  ]);
}

function shownRecipient(recipient: ListedRecipient, { message, attempts, circumstances }: Story): string {
  const settled = recipient.settledAt === null ? '' : ` at ${shownTime(recipient.settledAt)}`;
  const own = attempts.filter(attempt => attempt.forwardPath === recipient.forwardPath);
  const parts = waitingParts(message, recipient, circumstances, { withReasons: false });
  const lines = [
    harmless(`${recipient.forwardPath}: ${recipient.state.replace('_', ' ')}${settled}`),
    ...parts.map(part => `  ${harmless(part)}`),
  ];
  if (recipient.report !== null)
    lines.push(`  A report about that (${recipient.report}) is still to be made.`);
  // The last attempt says the same, unless Postern ended in the middle of it, or something was done to it since.
  if (recipient.lastReply !== null && !isSaidBy(own.at(-1), recipient.lastReply))
    lines.push(`  ${harmless(recipient.lastReply)}`);
  return [...lines, ...shownAttempts(own)].join('\n');
}

function isSaidBy(attempt: RecordedAttempt | undefined, reply: string): boolean {
  return attempt !== undefined && (attempt.reply === reply || attempt.text === reply);
}

/** A row for each, and below it the plain words, where they say more than the reply. */
function shownAttempts(attempts: readonly RecordedAttempt[]): readonly string[] {
  if (attempts.length === 0) return ['  No attempt yet.'];
  const [headings = '', ...rows] = table(
    ['NO', 'TIME', 'UPSTREAM', 'TOOK', 'STAGE', 'OUTCOME', 'REPLY'],
    attempts.map(attempt => [
      String(attempt.number),
      shownTime(attempt.startedAt),
      attempt.upstream ?? '-',
      shownDuration(attempt.duration),
      attempt.stage ?? '-',
      attempt.outcome,
      attempt.reply ?? '-',
    ]),
    '',
  ).split('\n');
  return [headings, ...rows].flatMap((row, index) => {
    const attempt = index === 0 ? undefined : attempts[index - 1];
    const words = attempt === undefined ? null : wordsOf(attempt);
    return words === null ? [`  ${row}`] : [`  ${row}`, `      ${harmless(words)}`];
  });
}

function wordsOf({ text, status, reply }: RecordedAttempt): string | null {
  if (text === null || text === reply) return null;
  return status === null ? text : `${text} (${status})`;
}

/** `250 ms`, `12.3 s`. */
function shownDuration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function shownReports(reports: readonly ListedReport[]): string {
  const rows = reports.map(report => [
    report.kind ?? '-',
    shownTime(report.queuedAt),
    report.forwardPath,
    report.state,
    report.id,
  ]);
  return table(['REPORT', 'MADE', 'TO', 'STATE', 'ID'], rows, '');
}
