// `postern queue …`: what waits, what became of it, and the operator's hand in it.

import type { RecipientState } from '../queue/message.ts';
import type { ListedMessage, QueueFilter } from '../queue/operator.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { CommitRefusal } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { counted, facts, shownSize, shownTime, table } from './output.ts';
import { idOf, itemOf, unknownIds } from './queue-item.ts';
import { show } from './queue-show.ts';
import { whyWaiting } from './queue-waiting.ts';

const STATES = [
  'queued',
  'in_flight',
  'deferred',
  'relayed',
  'failed',
  'expired',
] as const satisfies readonly RecipientState[];

const filterOptions: readonly Option[] = [
  { flags: '--account NAME', means: 'only mail of this account' },
  { flags: '--state STATE', means: `only mail with a recipient that is ${STATES.join(', ')}` },
  { flags: '--recipient ADDR', means: 'only mail to this address' },
];

export const queueCommands: readonly Command[] = [
  {
    name: 'queue list',
    argument: '',
    means: 'list what waits or failed; --json lists also what was relayed, as long as its record is kept',
    options: [...filterOptions, { flags: '--all', means: 'also what was relayed to everyone' }],
    printsData: true,
    needs: 'store',
    run: list,
  },
  {
    name: 'queue show',
    argument: 'ID',
    means: 'show a message: sender, subject, attachments, recipients and every attempt',
    options: [],
    printsData: true,
    needs: 'store',
    run: show,
  },
  {
    name: 'queue retry',
    argument: '[ID...]',
    means: 'try again now, failed and expired recipients too',
    options: [...filterOptions, { flags: '--all', means: 'every message' }],
    printsData: true,
    needs: 'store',
    run: retry,
  },
  {
    name: 'queue delete',
    argument: '[ID...]',
    means: 'delete messages for good, with their records; nobody is told',
    options: [...filterOptions, { flags: '--all', means: 'every message and record' }],
    printsData: true,
    needs: 'store',
    run: remove,
  },
  {
    name: 'queue stats',
    argument: '',
    means: 'count recipients by state, and the octets kept',
    options: [],
    printsData: true,
    needs: 'store',
    run: stats,
  },
];

async function list(call: Call, store: CommandStore): Promise<Result> {
  const filter = filterOf(call);
  if ('text' in filter) return misused(filter.text);
  const messages = await store.queue.list({ ...filter, finished: true });
  const wanted = call.has('all') || filter.state !== undefined ? messages : messages.filter(isUnfinished);
  const rows = wanted.flatMap(message =>
    message.recipients.map((recipient, index) => [
      index === 0 ? message.id : '',
      index === 0 ? shownTime(message.queuedAt) : '',
      index === 0 ? shownSize(message.size) : '',
      index === 0 ? (message.account ?? '-') : '',
      recipient.forwardPath,
      message.held ? 'held' : recipient.state,
      shownTime(recipient.nextAttemptAt),
      recipient.lastReply ?? '',
    ]),
  );
  const headings = ['ID', 'QUEUED', 'SIZE', 'ACCOUNT', 'RECIPIENT', 'STATE', 'NEXT ATTEMPT', 'LAST REPLY'];
  const hidden = messages.length - wanted.length;
  const records = hidden === 0 ? '' : `\n(${counted(hidden, 'relayed message')} not shown: add --all)`;
  const why = whyWaiting(wanted, store.upstreams.list());
  return done(table(headings, rows, 'Nothing waits.') + records + why, messages.map(itemOf));
}

function isUnfinished({ recipients }: ListedMessage): boolean {
  return recipients.some(({ state }) => state !== 'relayed');
}

async function retry(call: Call, store: CommandStore): Promise<Result> {
  const filter = await choice(call, store);
  if ('kind' in filter) return filter;
  const retried = await store.queue.retry(filter, store.clock.now());
  if (typeof retried !== 'number') return failed(refusalText(retried));
  return done(`${counted(retried, 'recipient')} will be tried now.`, { recipients: retried });
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const filter = await choice(call, store);
  if ('kind' in filter) return filter;
  const result = await store.queue.remove(filter, store.clock.now());
  if ('kind' in result) return failed(refusalText(result));
  const { messages, recipients, inFlight } = result;
  const text = `${counted(recipients, 'recipient')} deleted; ${counted(messages, 'message')} gone with that.`;
  const warnings =
    inFlight === 0
      ? []
      : [`${counted(inFlight, 'recipient')} of these was just being sent and may still arrive.`];
  return done(text, { messages, recipients }, { warnings });
}

async function stats(_call: Call, store: CommandStore): Promise<Result> {
  const counts = await store.queue.stats();
  const { queued, in_flight, deferred, held, relayed, failed: refused, expired, bytes } = counts;
  const data = { queued, in_flight, deferred, held, relayed, failed: refused, expired, bytes };
  const text = facts(
    Object.entries(data).map(
      ([name, value]) => [name, name === 'bytes' ? shownSize(value) : String(value)] as const,
    ),
  );
  return done(text, data);
}

/** What retry and delete act on: IDs, filters or --all, and never everything by omission. */
async function choice(call: Call, store: CommandStore): Promise<QueueFilter | Result> {
  const filter = filterOf(call);
  if ('text' in filter) return misused(filter.text);
  const ids = call.arguments.map(idOf);
  const { finished, ...conditions } = filter;
  const filtered = Object.keys(conditions).length > 0;
  if (ids.length === 0 && !filtered && finished !== true) {
    return misused('Say which messages: give IDs, a filter such as --account NAME, or --all.');
  }
  if (ids.length === 0) return filter;
  if (filtered || finished === true) return misused('Give either IDs or filters, not both.');
  const known = new Set((await store.queue.list({ ids })).map(message => message.id));
  const missing = ids.filter(id => !known.has(id));
  return missing.length > 0 ? unknownIds(missing) : { ids };
}

function filterOf(call: Call): QueueFilter | Readonly<{ text: string }> {
  const account = call.value('account');
  const recipient = call.value('recipient');
  const given = call.value('state');
  const state = STATES.find(known => known === given?.toLowerCase().replace('-', '_'));
  if (given !== null && state === undefined) {
    return { text: `--state takes one of ${STATES.join(', ')}, not "${given}".` };
  }
  return {
    ...(account === null ? {} : { account: canonicalName(account) }),
    ...(recipient === null ? {} : { recipient }),
    ...(state === undefined ? {} : { state }),
    ...(call.has('all') ? { finished: true } : {}),
  };
}

function refusalText(refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return `The database refused the change: ${refusal.text}`;
    case 'requirement':
      return 'The queue changed meanwhile, so nothing was done: try again.';
    default:
      return storageRefusalText(refusal);
  }
}
