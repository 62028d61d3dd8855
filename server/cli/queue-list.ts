// `postern queue list` and `stats`: what waits, what became of it, and how much there is. A long queue is read and printed in
// pages, so that a hundred thousand messages need no more memory than a thousand.

import type { ListedMessage } from '../queue/listed-message.ts';
import type { QueueFilter } from '../queue/operator-filter.ts';
import type { Page } from '../queue/operator-listing.ts';
import { type Call, type Command, done, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { counted, facts, shownSize, shownTime, table } from './output.ts';
import { circumstancesOf } from './queue-circumstances.ts';
import { filterOf, filterOptions, isResult } from './queue-filter.ts';
import { itemOf } from './queue-item.ts';
import { whyWaiting } from './queue-waiting.ts';

/** Messages that a table shows unless told otherwise. */
const USUAL_LIMIT = 1_000;
/** Messages printed as JSON at once. */
const STEP = 500;

export const listCommand: Command = {
  name: 'queue list',
  argument: '',
  means: 'list what waits or failed; --json lists also what was relayed, as long as its record is kept',
  options: [
    ...filterOptions,
    { flags: '--finished', means: 'only messages of which nothing waits any more' },
    { flags: '--all', means: 'also what was relayed to everyone' },
    { flags: '--limit N', means: `at most so many messages (default: ${USUAL_LIMIT}; with --json all)` },
    { flags: '--newest', means: 'the newest first, not the oldest' },
  ],
  printsData: true,
  needs: 'store',
  run: list,
};

export const statsCommand: Command = {
  name: 'queue stats',
  argument: '',
  means: 'count recipients by state, and the octets of what is not finished',
  options: [],
  printsData: true,
  needs: 'store',
  run: stats,
};

async function list(call: Call, store: CommandStore): Promise<Result> {
  const filter = await filterOf(call, store);
  if (isResult(filter)) return filter;
  const limit = call.value('limit');
  if (limit !== null && !/^[1-9]\d{0,8}$/.test(limit))
    return misused(`--limit takes a number from 1, not "${limit}".`);
  const page: Page = {
    ...(limit === null ? {} : { limit: Number(limit) }),
    newestFirst: call.has('newest'),
  };
  const isNarrow = filter.state !== undefined || call.has('finished');
  const wanted: QueueFilter = call.has('finished') ? { ...filter, settled: true } : filter;
  if (call.has('json'))
    return printItems(call, store, isNarrow ? wanted : { ...filter, finished: true }, page);
  const shown = call.has('all') && !isNarrow ? { ...filter, finished: true } : wanted;
  return listTable(store, shown, { limit: USUAL_LIMIT, ...page }, isNarrow ? null : filter);
}

/** `sieved`: the filter that may have left relayed messages out; null: none was left out. */
async function listTable(
  store: CommandStore,
  filter: QueueFilter,
  page: Page,
  sieved: QueueFilter | null,
): Promise<Result> {
  const messages = await store.queue.list(filter, page);
  const total = messages.length < (page.limit ?? 0) ? messages.length : await store.queue.count(filter);
  const hidden = sieved === null ? 0 : (await store.queue.count({ ...sieved, finished: true })) - total;
  const more =
    total > messages.length
      ? `\n(${messages.length} of ${total} messages shown, the ${page.newestFirst ? 'newest' : 'oldest'}: --limit N shows more)`
      : '';
  const relayed = hidden > 0 ? `\n(${counted(hidden, 'relayed message')} not shown: add --all)` : '';
  const why = whyWaiting(messages, await circumstancesOf(store));
  const headings = ['ID', 'QUEUED', 'SIZE', 'ACCOUNT', 'RECIPIENT', 'STATE', 'NEXT ATTEMPT', 'LAST REPLY'];
  const none = filter.settled ? 'Nothing is finished.' : 'Nothing waits.';
  return done(table(headings, messages.flatMap(rowsOf), none) + more + relayed + why);
}

function rowsOf(message: ListedMessage): readonly (readonly string[])[] {
  return message.recipients.map((recipient, index) => [
    index === 0 ? message.id : '',
    index === 0 ? shownTime(message.queuedAt) : '',
    index === 0 ? shownSize(message.size) : '',
    index === 0 ? (message.account ?? (message.kind === 'mail' ? '-' : `(${message.kind})`)) : '',
    recipient.forwardPath,
    message.held && recipient.nextAttemptAt === null && recipient.settledAt === null
      ? heldState(message)
      : recipient.state,
    shownTime(recipient.nextAttemptAt),
    recipient.lastReply ?? '',
  ]);
}

function heldState({ heldBecause }: ListedMessage): string {
  return heldBecause === null || heldBecause === 'operator' ? 'held' : `held: ${heldBecause}`;
}

/** A list as JSON, message by message. */
async function printItems(
  { terminal }: Call,
  { queue }: CommandStore,
  filter: QueueFilter,
  page: Page,
): Promise<Result> {
  let after: string | undefined;
  let left = page.limit ?? Number.POSITIVE_INFINITY;
  let separator = '';
  terminal.print('[');
  for (;;) {
    const limit = Math.min(STEP, left);
    const messages = await queue.list(filter, { ...page, limit, ...(after === undefined ? {} : { after }) });
    for (const message of messages) {
      terminal.print(`${separator}\n${JSON.stringify(itemOf(message), null, 2)}`);
      separator = ',';
    }
    left -= messages.length;
    after = messages.at(-1)?.id;
    if (messages.length < limit || left === 0) break;
  }
  terminal.print(separator === '' ? ']\n' : '\n]\n');
  return { kind: 'ended', status: 0 };
}

async function stats(_call: Call, store: CommandStore): Promise<Result> {
  const counts = await store.queue.stats();
  const { queued, in_flight, deferred, held, relayed, failed, expired, bytes } = counts;
  const data = { queued, in_flight, deferred, held, relayed, failed, expired, bytes };
  const text = facts(
    Object.entries(data).map(
      ([name, value]) => [name, name === 'bytes' ? shownSize(value) : String(value)] as const,
    ),
  );
  return done(text, data);
}
