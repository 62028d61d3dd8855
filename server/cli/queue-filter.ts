// Which mail a `postern queue` command is about: IDs, filters, or --all. Nothing is ever everything by omission.

import { parseDuration, parseSize } from '../config/values.ts';
import type { RecipientState } from '../queue/message.ts';
import type { QueueFilter } from '../queue/operator-filter.ts';
import { canonicalUpstreamName } from '../relay/upstream.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { type Call, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { idOf, unknownIds } from './queue-item.ts';

/** Messages looked up at once. */
const STEP = 500;

const STATES = [
  'queued',
  'in_flight',
  'deferred',
  'relayed',
  'failed',
  'expired',
] as const satisfies readonly RecipientState[];

export const filterOptions: readonly Option[] = [
  { flags: '--account NAME', means: 'only mail of this account' },
  { flags: '--state STATE', means: `only recipients that are ${STATES.join(', ')}` },
  { flags: '--recipient ADDR', means: "only recipients of this address, or of a domain: '*@example.com'" },
  {
    flags: '--sender ADDR',
    means: "only mail from this address or domain (the envelope's); <> for the null one",
  },
  { flags: '--upstream NAME', means: 'only what this upstream tried last, or alone may have already' },
  { flags: '--older-than TIME', means: 'only mail that was queued longer ago, such as 12h or 7d' },
  { flags: '--larger-than SIZE', means: 'only mail that is larger, such as 500K or 10M' },
  { flags: '--held', means: 'only mail that is held' },
];

/** The filters that are given; `--all` is not one of them. */
export async function filterOf(call: Call, store: CommandStore): Promise<QueueFilter | Result> {
  const state = stateOf(call.value('state'));
  const addresses = { recipient: call.value('recipient'), sender: call.value('sender') };
  const age = call.value('older-than');
  const size = call.value('larger-than');
  const longest = age === null ? null : parseDuration(age);
  const largest = size === null ? null : parseSize(size);
  if (state === undefined)
    return misused(`--state takes one of ${STATES.join(', ')}, not "${call.value('state')}".`);
  if (age !== null && longest === null)
    return misused(`--older-than takes a time such as 12h or 7d, not "${age}".`);
  if (size !== null && largest === null)
    return misused(`--larger-than takes a size such as 500K or 10M, not "${size}".`);
  for (const [option, text] of Object.entries(addresses)) {
    if (text !== null && !isPattern(text)) return misused(badPattern(option, text));
  }
  const names = await namesOf(call, store);
  if (isResult(names)) return names;
  const now = store.clock.now();
  return {
    ...names,
    ...(state === null ? {} : { state }),
    ...(addresses.recipient === null ? {} : { recipient: addresses.recipient }),
    ...(addresses.sender === null ? {} : { sender: addresses.sender }),
    ...(longest === null ? {} : { queuedBefore: now - longest }),
    ...(largest === null ? {} : { largerThan: largest }),
    ...(call.has('held') ? { held: true as const } : {}),
  };
}

/** Names that nobody has any more still choose the mail that is kept from then. */
async function namesOf(
  call: Call,
  { accounts, upstreams, queue }: CommandStore,
): Promise<Pick<QueueFilter, 'account' | 'upstream'> | Result> {
  const account = call.value('account');
  const upstream = call.value('upstream');
  const of = (name: string) => ({ account: canonicalName(accounts.show(name)?.account.name ?? name) });
  const by = (name: string) => ({ upstream: canonicalUpstreamName(name) });
  const hasMail = async (filter: QueueFilter) => (await queue.count({ ...filter, finished: true })) > 0;
  if (account !== null && accounts.show(account) === null && !(await hasMail(of(account))))
    return failed(`There is no account named "${account}": "postern account list" shows them all.`);
  if (upstream !== null && upstreams.find(upstream) === null && !(await hasMail(by(upstream))))
    return failed(`There is no upstream named "${upstream}": "postern upstream list" shows them all.`);
  return { ...(account === null ? {} : of(account)), ...(upstream === null ? {} : by(upstream)) };
}

export type Choice = Readonly<{
  filter: QueueFilter;
  /** Neither IDs nor filters narrow it. */
  isEverything: boolean;
}>;

/** What a command acts on. */
export async function choiceOf(call: Call, store: CommandStore): Promise<Choice | Result> {
  const filter = await filterOf(call, store);
  if (isResult(filter)) return filter;
  const ids = call.arguments.map(idOf);
  const isFiltered = Object.keys(filter).length > 0;
  const all = call.has('all');
  if (ids.length === 0 && !isFiltered && !all) {
    return misused('Say which messages: give IDs, a filter such as --account NAME, or --all.');
  }
  if (ids.length === 0)
    return { filter: all ? { ...filter, finished: true } : filter, isEverything: !isFiltered };
  if (isFiltered || all) return misused('Give either IDs or filters, not both.');
  const missing = await missingOf(ids, store);
  return missing.length > 0 ? unknownIds(missing) : { filter: { ids }, isEverything: false };
}

export function isResult(value: object): value is Result {
  return 'kind' in value;
}

async function missingOf(ids: readonly string[], store: CommandStore): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let at = 0; at < ids.length; at += STEP) {
    const some = ids.slice(at, at + STEP);
    const known = new Set((await store.queue.list({ ids: some })).map(message => message.id));
    missing.push(...some.filter(id => !known.has(id)));
  }
  return missing;
}

/** Null: not given. Undefined: there is no such state. */
function stateOf(given: string | null): RecipientState | null | undefined {
  if (given === null) return null;
  return STATES.find(known => known === given.toLowerCase().replace('-', '_'));
}

/** A star stands in front of a domain only. */
function isPattern(text: string): boolean {
  const rest = text.trim().replace(/^(\*@|@\*\.)/, '');
  return rest !== '' && !rest.includes('*');
}

function badPattern(option: string, text: string): string {
  return `--${option} takes an address, *@example.com for a domain, or @*.example.com for all below one; not "${text}".`;
}
