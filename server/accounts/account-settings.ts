// What the operator may set of an account, apart from its names and its password: checked, brought into canonical form,
// and laid out for the columns. Null is everywhere "none of its own". What is not present stays as it is.

import type { EpochMs } from '../clock.ts';
import { NETWORK_WORDS } from '../config/values.ts';
import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import { parseNetwork } from '../smtp/address.ts';
import { parsePath } from '../smtp/path.ts';
import type { SqlValue } from '../storage/database.ts';
import type { AccountPolicy, QueueShare } from './account-policy.ts';
import type { AccountProblem } from './account-problem.ts';
import { parseAddressPattern } from './address-pattern.ts';

export type AccountSettings = AccountPolicy &
  Readonly<{
    mechanisms: readonly string[] | null;
    networks: readonly string[] | null;
    expiresAt: EpochMs | null;
    owner: string | null;
    note: string | null;
  }>;

export type SomeSettings = { readonly [Key in keyof AccountSettings]?: AccountSettings[Key] | undefined };

/** The largest count: more than anybody means, and each sum of such counts is exact. */
export const MOST = 1_000_000_000;

type Checked<Value> = Readonly<{ kind: 'right'; value: Value }> | AccountProblem;

/** The settings in canonical form, or the first thing that cannot be used. */
export function checkSettings(
  wanted: SomeSettings,
): Readonly<{ kind: 'settings'; settings: SomeSettings }> | AccountProblem {
  const problems: AccountProblem[] = [];
  const read = <Value>(value: Value | null | undefined, check: (value: Value) => Checked<Value | null>) => {
    if (value === null || value === undefined) return value;
    const checked = check(value);
    if (checked.kind === 'right') return checked.value;
    problems.push(checked);
    return undefined;
  };
  const settings: SomeSettings = {
    sender: read(wanted.sender, text => checkAddress(text, 'sender')),
    senders: read(wanted.senders, list => checkPatterns(list, 'senders')),
    otherSenders: wanted.otherSenders,
    recipients: read(wanted.recipients, list => checkPatterns(list, 'recipients')),
    messagesPerMinute: read(wanted.messagesPerMinute, number => checkCount(number, 'messages per minute')),
    messagesPerHour: read(wanted.messagesPerHour, number => checkCount(number, 'messages per hour')),
    messagesPerDay: read(wanted.messagesPerDay, number => checkCount(number, 'messages per day')),
    recipientsPerMessage: read(wanted.recipientsPerMessage, number =>
      checkCount(number, 'recipients per message'),
    ),
    recipientsPerDay: read(wanted.recipientsPerDay, number => checkCount(number, 'recipients per day')),
    messageSize: read(wanted.messageSize, checkMessageSize),
    queueShare: read(wanted.queueShare, checkShare),
    mechanisms: read(wanted.mechanisms, checkMechanisms),
    networks: read(wanted.networks, checkNetworks),
    expiresAt: wanted.expiresAt,
    owner: read(wanted.owner, text => checkAddress(text, 'owner')),
    note: wanted.note,
  };
  return problems[0] ?? { kind: 'settings', settings };
}

/** The columns that are to be written, and what into them. */
export function settingColumns(settings: SomeSettings): readonly (readonly [string, SqlValue])[] {
  const columns: readonly (readonly [string, SqlValue | undefined])[] = [
    ['sender', settings.sender],
    ['senders', written(settings.senders, JSON.stringify)],
    ['other_senders', settings.otherSenders],
    ['recipients', written(settings.recipients, JSON.stringify)],
    ['messages_per_minute', settings.messagesPerMinute],
    ['messages_per_hour', settings.messagesPerHour],
    ['messages_per_day', settings.messagesPerDay],
    ['recipients_per_message', settings.recipientsPerMessage],
    ['recipients_per_day', settings.recipientsPerDay],
    ['message_size', settings.messageSize],
    ['queue_share', written(settings.queueShare, writtenShare)],
    ['mechanisms', written(settings.mechanisms, JSON.stringify)],
    ['networks', written(settings.networks, JSON.stringify)],
    ['expires_at', settings.expiresAt],
    ['owner', settings.owner],
    ['note', settings.note],
  ];
  return columns.flatMap(([column, value]) => (value === undefined ? [] : [[column, value] as const]));
}

/** The names of what is set, for the audit: `messages per hour`. */
export function settingNames(settings: SomeSettings): readonly string[] {
  return settingColumns(settings).map(([column]) => column.replaceAll('_', ' '));
}

/** The inverse stands in account-rows.ts. */
function writtenShare(share: QueueShare): string {
  return share.kind === 'percent' ? `${share.percent}%` : String(share.octets);
}

function written<Value>(
  value: Value | null | undefined,
  write: (value: Value) => string,
): string | null | undefined {
  if (value === null) return null;
  return value === undefined ? undefined : write(value);
}

function checkAddress(address: string, what: 'sender' | 'owner'): Checked<string> {
  if (!address.includes('@'))
    return wrong(
      `"${address}" has no @: the ${what} must be a whole address, such as scanner@example.net, or none.`,
    );
  const path = parsePath(address, '');
  if (!('kind' in path)) return right(path.text);
  return wrong(`${path.text}. The ${what} must be a whole address, such as scanner@example.net.`);
}

function checkPatterns(list: readonly string[], what: string): Checked<readonly string[] | null> {
  if (list.some(pattern => pattern.trim() === '*')) return right(null);
  const patterns = list.map(parseAddressPattern);
  const bad = patterns.find(pattern => pattern.kind === 'bad');
  if (bad !== undefined) return wrong(`Permitted ${what}: ${bad.text}`);
  if (patterns.length === 0) return wrong(`No permitted ${what} are given: give some, or * for any.`);
  return right(distinct(patterns.map(pattern => pattern.text)));
}

function checkCount(number: number, what: string): Checked<number> {
  if (Number.isSafeInteger(number) && number > 0 && number <= MOST) return right(number);
  return wrong(
    `The limit of ${what} must be a whole number from 1 to ${MOST}; to stop an account, disable it.`,
  );
}

function checkMessageSize(octets: number): Checked<number> {
  if (Number.isSafeInteger(octets) && octets > 0) return right(octets);
  return wrong('The largest message must be one octet or more; to stop an account, disable it.');
}

function checkShare(share: QueueShare): Checked<QueueShare> {
  if (share.kind === 'octets') {
    return Number.isSafeInteger(share.octets) && share.octets > 0
      ? right(share)
      : wrong('The share of the queue must be more than nothing, for example 200 MiB.');
  }
  // Smaller ones are written with an exponent, and are of no use.
  return share.percent >= 0.01 && share.percent <= 100
    ? right(share)
    : wrong('The share of the queue must be at least 0.01 % and at most 100 %.');
}

function checkMechanisms(list: readonly string[]): Checked<readonly string[]> {
  const wanted = list.map(name => name.trim().toUpperCase());
  const known: readonly string[] = MECHANISM_NAMES;
  const bad = wanted.find(name => !known.includes(name));
  if (bad !== undefined || wanted.length === 0)
    return wrong(`"${bad ?? ''}" is no mechanism: give some of ${known.join(', ')}.`);
  return right(known.filter(name => wanted.includes(name)));
}

function checkNetworks(list: readonly string[]): Checked<readonly string[]> {
  const networks: string[] = [];
  for (const text of list) {
    const network = parseNetwork(text);
    if (NETWORK_WORDS.some(word => word === text.trim().toLowerCase()))
      return wrong(
        `"${text.trim()}" is a word of limits.networks in the configuration; for an account give addresses (192.168.1.20) or networks (192.168.1.0/24, fd00::/8).`,
      );
    if (network === null)
      return wrong(
        `"${text.trim()}" is no network: give addresses (192.168.1.20) or networks (192.168.1.0/24, fd00::/8).`,
      );
    networks.push(network.text);
  }
  return networks.length > 0 ? right(distinct(networks)) : wrong('No network is given.');
}

function distinct(list: readonly string[]): readonly string[] {
  return [...new Set(list)];
}

function right<Value>(value: Value): Checked<Value> {
  return { kind: 'right', value };
}

function wrong(text: string): AccountProblem {
  return { kind: 'setting-invalid', text };
}
