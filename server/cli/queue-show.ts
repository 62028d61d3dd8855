// `postern queue show`: one message with its sender, subject and attachments, every recipient and every attempt.

import type { ListedMessage, RecordedAttempt } from '../queue/operator.ts';
import { type Call, done, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import type { MessageSummary } from './message-summary.ts';
import { facts, shownSize, shownTime, table } from './output.ts';
import { attemptOf, idOf, itemOf, unknownIds } from './queue-item.ts';
import { whyWaiting } from './queue-waiting.ts';

export async function show(call: Call, store: CommandStore): Promise<Result> {
  const id = idOf(call.arguments[0] ?? '');
  const [message] = await store.queue.list({ ids: [id] });
  if (message === undefined) return unknownIds([id]);
  const attempts = await store.queue.attempts(id);
  const summary = await summaryOf(message, store);
  const data = {
    ...itemOf(message),
    sender: summary?.sender ?? null,
    subject: summary?.subject ?? null,
    attachments: summary?.attachments ?? [],
    attempts: attempts.map(attemptOf),
  };
  const warnings =
    summary === null && message.content !== 'gone'
      ? ['The content of this message cannot be read: the disk may be failing.']
      : [];
  const why = whyWaiting([message], store.upstreams.list());
  return done(shownMessage(message, summary, attempts) + why, data, { warnings });
}

async function summaryOf(message: ListedMessage, store: CommandStore): Promise<MessageSummary | null> {
  if (message.content === 'gone') return null;
  const content = await store.openContent({ id: message.id, content: message.content });
  if (content === null) return null;
  const { summarize } = await import('./message-summary.ts');
  return summarize(content).catch(() => null);
}

function shownMessage(
  message: ListedMessage,
  summary: MessageSummary | null,
  attempts: readonly RecordedAttempt[],
): string {
  const head = facts([
    ['Message', message.id],
    ['Account', message.account ?? '- (written by Postern)'],
    ['Reverse-path', `<${message.reversePath}>`],
    ['Queued', shownTime(message.queuedAt)],
    ['Size', shownSize(message.size)],
    ...(message.held ? ([['Held', 'yes']] as const) : []),
    ['Sender', summary?.sender ?? '-'],
    [
      'Subject',
      summary?.subject ?? (message.content === 'gone' ? '- (content removed after relaying)' : '-'),
    ],
    ...(summary?.attachments ?? []).map(
      ({ name, type, size }) =>
        ['Attachment', `${name ?? '(no name)'}, ${type}, ${shownSize(size)}`] as const,
    ),
  ]);
  const recipients = table(
    ['RECIPIENT', 'STATE', 'ATTEMPTS', 'NEXT ATTEMPT', 'UPSTREAM', 'LAST REPLY'],
    message.recipients.map(one => [
      one.forwardPath,
      one.state,
      String(one.attempts),
      shownTime(one.nextAttemptAt),
      one.upstream ?? '-',
      one.lastReply ?? '',
    ]),
    'No recipients.',
  );
  const history = table(
    ['TIME', 'RECIPIENT', 'NO', 'UPSTREAM', 'STAGE', 'OUTCOME', 'REPLY'],
    attempts.map(attempt => [
      shownTime(attempt.startedAt),
      attempt.forwardPath,
      String(attempt.number),
      attempt.upstream ?? '-',
      attempt.stage ?? '-',
      attempt.outcome,
      attempt.reply ?? '',
    ]),
    'No attempt yet.',
  );
  return `${head}\n\n${recipients}\n\n${history}`;
}
