// Which recipients and messages an operator means: the conditions of the commands as SQL. All conditions must hold for one
// and the same recipient and its message; what else waits in that message is not chosen.

import { domainToASCII, domainToUnicode } from 'node:url';
import type { EpochMs } from '../clock.ts';
import type { SqlValue } from '../storage/database.ts';
import type { RecipientState } from './message.ts';

/** An empty filter means every recipient that is not relayed. */
export type QueueFilter = Readonly<{
  ids?: readonly string[];
  /** Narrows everything else to these messages; unlike `ids` it chooses nothing that would not be chosen without it. */
  among?: readonly string[];
  /** The account's canonical name. */
  account?: string;
  state?: RecipientState;
  /** The forward-path, compared without case: an address, or as a pattern `*@example.com`, `@*.example.com`. */
  recipient?: string;
  /** The reverse-path, likewise; `<>` is the null one. */
  sender?: string;
  /** The canonical name of the upstream that tried it last, or that alone may have it. */
  upstream?: string;
  queuedBefore?: EpochMs;
  /** Octets: larger than this. */
  largerThan?: number;
  /** Only messages that are held, and of which something is not settled. */
  held?: true;
  /** Also recipients that were relayed, whose messages are only kept as a record. */
  finished?: boolean;
  /** Only messages of which no recipient waits or is in flight. */
  settled?: true;
}>;

export type Condition = Readonly<{ where: string; params: readonly SqlValue[] }>;

/** A condition on the table `recipient`. */
export function chosenRecipients(filter: QueueFilter): Condition {
  const message = both(messageConditions(filter));
  const recipient = recipientConditions(filter);
  if (message === null) return both(recipient) ?? EVERY;
  const within: Condition = {
    where: `EXISTS (SELECT 1 FROM message WHERE message.id = recipient.message_id AND ${message.where})`,
    params: message.params,
  };
  return both([...idsConditions('recipient.message_id', filter), ...recipient, within]) ?? EVERY;
}

/** A condition on the table `message`: those with a recipient that is chosen and fulfils `more`. */
export function chosenMessages(filter: QueueFilter, more?: string): Condition {
  const recipient = both([
    { where: 'recipient.message_id = message.id', params: [] },
    ...recipientConditions(filter),
    ...(more === undefined ? [] : [{ where: more, params: [] }]),
  ]);
  const has: Condition = {
    where: `EXISTS (SELECT 1 FROM recipient WHERE ${recipient?.where ?? '1 = 1'})`,
    params: recipient?.params ?? [],
  };
  return both([...messageConditions(filter), has]) ?? EVERY;
}

/** In words, for the audit; empty where it is about ids, or about everything. */
export function filterWords(filter: QueueFilter): string {
  const words = [
    filter.account === undefined ? null : `account ${filter.account}`,
    filter.state === undefined ? null : `state ${filter.state}`,
    filter.recipient === undefined ? null : `recipient ${filter.recipient}`,
    filter.sender === undefined ? null : `sender ${filter.sender}`,
    filter.upstream === undefined ? null : `upstream ${filter.upstream}`,
    filter.queuedBefore === undefined ? null : `queued before ${new Date(filter.queuedBefore).toISOString()}`,
    filter.largerThan === undefined ? null : `larger than ${filter.largerThan} octets`,
    filter.held === undefined ? null : 'held',
  ];
  return words.filter(word => word !== null).join(', ');
}

const EVERY: Condition = { where: '1 = 1', params: [] };
const HAS_UNSETTLED = `EXISTS (SELECT 1 FROM recipient AS other WHERE other.message_id = message.id
  AND other.state IN ('queued', 'in_flight', 'deferred'))`;

function messageConditions(filter: QueueFilter): readonly Condition[] {
  const parts: Condition[] = [];
  const demand = (where: string, ...params: readonly SqlValue[]) => void parts.push({ where, params });
  parts.push(...idsConditions('message.id', filter));
  if (filter.account !== undefined) {
    demand('message.account_id IN (SELECT id FROM account WHERE canonical_name = ?)', filter.account);
  }
  if (filter.sender !== undefined) parts.push(addressCondition('message.reverse_path', filter.sender));
  if (filter.queuedBefore !== undefined) demand('message.queued_at < ?', filter.queuedBefore);
  if (filter.largerThan !== undefined) demand('message.size > ?', filter.largerThan);
  if (filter.held) demand(`message.held_at IS NOT NULL AND ${HAS_UNSETTLED}`);
  if (filter.settled) demand(`NOT ${HAS_UNSETTLED}`);
  return parts;
}

/** One parameter, however many they are: SQLite takes only so many. */
function idsConditions(column: string, filter: QueueFilter): readonly Condition[] {
  const list = messagesOf(filter);
  if (list === undefined) return [];
  return [{ where: `${column} IN (SELECT value FROM json_each(?))`, params: [JSON.stringify(list)] }];
}

function messagesOf({ ids, among }: QueueFilter): readonly string[] | undefined {
  if (ids === undefined || among === undefined) return ids ?? among;
  const wanted = new Set(ids);
  return among.filter(id => wanted.has(id));
}

function recipientConditions(filter: QueueFilter): readonly Condition[] {
  const parts: Condition[] = [];
  if (filter.state !== undefined) parts.push({ where: 'recipient.state = ?', params: [filter.state] });
  if (filter.recipient !== undefined) {
    parts.push(addressCondition('recipient.forward_path', filter.recipient));
  }
  if (filter.upstream !== undefined) {
    parts.push({
      where: `(recipient.upstream_id IN (SELECT id FROM upstream WHERE canonical_name = ?)
        OR recipient.way IN (SELECT '=' || id FROM upstream WHERE canonical_name = ?))`,
      params: [filter.upstream, filter.upstream],
    });
  }
  if (!filter.ids && filter.state === undefined && !filter.finished && !filter.settled) {
    parts.push({ where: `recipient.state <> 'relayed'`, params: [] });
  }
  return parts;
}

/** A domain is the same as A-label and as U-label; both may stand in the rows. */
function addressCondition(column: string, written: string): Condition {
  const text = written.trim();
  if (text === '<>' || text === '') return { where: `${column} = ''`, params: [] };
  const at = text.lastIndexOf('@');
  const local = at <= 0 || text.startsWith('*@') ? null : text.slice(0, at);
  const domain = text.slice(at + 1).toLowerCase();
  const isBelow = local === null && domain.startsWith('*.');
  const name = isBelow ? domain.slice(2) : domain;
  const forms = [...new Set([name, domainToASCII(name) || name, domainToUnicode(name) || name])];
  const likes = forms.map(form => {
    if (at < 0) return escaped(form);
    return `${local === null ? '%' : escaped(local)}@${isBelow ? '%.' : ''}${escaped(form)}`;
  });
  const one = `LOWER(${column}) LIKE LOWER(?) ESCAPE '\\'`;
  return { where: `(${likes.map(() => one).join(' OR ')})`, params: likes };
}

function escaped(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function both(parts: readonly Condition[]): Condition | null {
  if (parts.length === 0) return null;
  return {
    where: parts.map(part => part.where).join(' AND '),
    params: parts.flatMap(part => part.params),
  };
}
