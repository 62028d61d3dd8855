// How an account is shown: as an item of --json, as a row of the list, and as the facts of `account show`.

import type { AccountFacts } from '../accounts/account-facts.ts';
import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { Lack } from '../accounts/mechanism-lacks.ts';
import type { SentLately } from '../accounts/sent-lately.ts';
import type { DurationMs, EpochMs } from '../clock.ts';
import { counted, facts, isoTime, shownSize, shownTime, table } from './output.ts';

/** What is known beside the account itself. */
export type Known = Readonly<{
  now: EpochMs;
  /** By account id. */
  lastUsed: ReadonlyMap<string, EpochMs>;
}>;

const DAY: DurationMs = 86_400_000;

export function accountItem({ account, credentials, lacks }: AccountFacts, { now, lastUsed }: Known): object {
  const { policy } = account;
  return {
    id: account.id,
    name: account.name,
    aliases: account.aliases.map(alias => alias.name),
    enabled: account.enabled,
    created_at: isoTime(account.createdAt),
    last_used_at: isoTime(lastUsed.get(account.id)),
    expires_at: isoTime(account.expiresAt),
    password_changed_at: isoTime(account.passwordChangedAt),
    credentials: credentials.map(({ setAt, endsAt, madeBy }) => ({
      set_at: isoTime(setAt),
      ends_at: isoTime(endsAt),
      age_days: ageInDays(setAt, now),
      made_by: madeBy,
    })),
    lacks: [...new Set(lacks.map(lack => lack.mechanism))],
    lacks_reasons: lacks.map(({ mechanism, loginName, reason }) => ({
      mechanism,
      user_name: loginName,
      reason: reason.replaceAll('-', '_'),
    })),
    sender: policy.sender,
    senders: policy.senders,
    other_senders: policy.otherSenders,
    recipients: policy.recipients,
    messages_per_minute: policy.messagesPerMinute,
    messages_per_hour: policy.messagesPerHour,
    messages_per_day: policy.messagesPerDay,
    recipients_per_message: policy.recipientsPerMessage,
    recipients_per_day: policy.recipientsPerDay,
    message_size: policy.messageSize,
    queue_share: queueShareItem(policy),
    networks: account.networks,
    mechanisms: account.mechanisms,
    owner: account.owner,
    note: account.note,
  };
}

/** Null where nothing is counted, for there is no such limit. */
export function usageItem({ policy }: AccountFacts['account'], sent: SentLately): object {
  const isCounted = countsOf(policy).some(limit => limit !== null);
  return {
    messages_last_minute: isCounted ? sent.minute : null,
    messages_last_hour: isCounted ? sent.hour : null,
    messages_last_day: isCounted ? sent.day : null,
    recipients_last_day: isCounted ? sent.recipients : null,
    waiting_octets: sent.waiting,
  };
}

const MARKS = { 'weak-password': '*', 'next-login': '+', 'new-password': '!', 'sealing-key': '#' } as const;
const LEGEND = [
  ['weak-password', '* Not with this password: it is weak. A generated one works.'],
  ['next-login', '+ After the next login by PLAIN or LOGIN, or with a new password.'],
  ['new-password', '! After a new password: the account may not log in by PLAIN or LOGIN.'],
  ['sealing-key', '# Not while the sealing key is lost.'],
] as const;

/** Fits into 120 columns with names and senders of usual length. */
export function accountTable(accounts: readonly AccountFacts[], known: Known): string {
  const rows = accounts.map(({ account, credentials, lacks }) => [
    clipped([account.name, ...account.aliases.map(alias => alias.name)].join(' / '), 24),
    stateOf(account, known.now),
    shownTime(known.lastUsed.get(account.id)).slice(0, 10),
    credentials.map(({ setAt }) => `${ageInDays(setAt, known.now)} d`).join(', '),
    clipped(account.policy.sender ?? '', 24),
    shortLacks(lacks),
    clipped(account.note ?? '', 16),
  ]);
  const listed = table(
    ['NAME', 'STATE', 'LAST USED', 'PASSWORD', 'SENDER', 'LACKS', 'NOTE'],
    rows,
    'There is no account yet: "postern account add" makes one.',
  );
  const reasons = new Set(accounts.flatMap(({ lacks }) => lacks.map(lack => lack.reason)));
  const notes = LEGEND.filter(([reason]) => reasons.has(reason)).map(([, text]) => text);
  return [listed, ...notes].join('\n').trimEnd();
}

/** Everything that is set. */
export function accountFacts(
  { account, credentials, lacks }: AccountFacts,
  known: Known,
  sent: SentLately,
): string {
  const { policy } = account;
  const optional = (name: string, value: string | null) => (value === null ? [] : [[name, value] as const]);
  return facts([
    ['Account', account.name],
    ...lines(
      'Aliases',
      account.aliases.map(alias => alias.name),
    ),
    ['State', stateOf(account, known.now)],
    ...optional('Expires', account.expiresAt === null ? null : shownTime(account.expiresAt)),
    ...optional('Owner', account.owner),
    ...optional('Note', account.note),
    ['Created', shownTime(account.createdAt)],
    ['Last used', shownTime(known.lastUsed.get(account.id))],
    ...lines(
      'Password',
      credentials.map(credential => passwordWords(credential, known.now)),
    ),
    ...lines('Lacks', lacks.map(lackWords)),
    ['Logs in by', account.mechanisms?.join(', ') ?? 'any mechanism that is offered'],
    ['Logs in from', account.networks?.join(', ') ?? 'any network that is served'],
    ['Sends as', sendersWords(policy)],
    ['Sends to', policy.recipients?.join(', ') ?? 'anybody'],
    ...lines('Limits', limitsOf(policy, sent)),
  ]);
}

/** One name for several lines. */
function lines(name: string, values: readonly string[]): readonly (readonly [string, string])[] {
  return values.map((value, index) => [index === 0 ? name : '', value]);
}

function stateOf(
  { enabled, expiresAt }: Pick<AccountFacts['account'], 'enabled' | 'expiresAt'>,
  now: EpochMs,
): string {
  if (!enabled) return 'disabled';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'enabled';
}

function passwordWords({ setAt, endsAt, madeBy }: AccountFacts['credentials'][number], now: EpochMs): string {
  const made = { postern: ', generated', person: ', chosen by a person', unknown: '' }[madeBy];
  const end = endsAt === null ? '' : `; accepted until ${shownTime(endsAt)}`;
  return `set ${shownTime(setAt)} (${ageWords(setAt, now)})${made}${end}`;
}

function lackWords({ mechanism, loginName, reason }: Lack): string {
  const name = loginName === null ? '' : ` with the name ${loginName}`;
  const remedy = {
    'weak-password': 'the password is weak; set a better one, or use --allow-weak-derived',
    'next-login': 'works after the next login by PLAIN or LOGIN, or with a new password',
    'new-password': 'works with a new password',
    'sealing-key': 'not while the sealing key is lost',
  }[reason];
  return `${mechanism}${name}: ${remedy}`;
}

/** SCRAM is one thing here, with channel binding or without. */
function shortLacks(lacks: readonly Lack[]): string {
  const short = lacks.map(
    ({ mechanism, reason }) => `${mechanism.replace(/^SCRAM-.*/, 'SCRAM')}${MARKS[reason]}`,
  );
  return [...new Set(short)].join(' ');
}

function sendersWords({ sender, senders, otherSenders }: AccountPolicy): string {
  if (senders === null)
    return sender === null ? 'anybody' : `anybody; ${sender} where a message names nobody`;
  const permitted = [...new Set([...(sender === null ? [] : [sender]), ...senders])].join(', ');
  return otherSenders === 'refuse' ? permitted : `${permitted}; others are let through`;
}

/** Each with how much of it is used. */
function limitsOf(policy: AccountPolicy, sent: SentLately): readonly string[] {
  const limit = (number: number | null, noun: string, time: string, used: number | null) =>
    number === null ? [] : [`${counted(number, noun)} ${time}${used === null ? '' : ` (${used} now)`}`];
  const share = policy.queueShare;
  return [
    ...limit(policy.messagesPerMinute, 'message', 'a minute', sent.minute),
    ...limit(policy.messagesPerHour, 'message', 'an hour', sent.hour),
    ...limit(policy.messagesPerDay, 'message', 'in 24 hours', sent.day),
    ...limit(policy.recipientsPerMessage, 'recipient', 'a message', null),
    ...limit(policy.recipientsPerDay, 'recipient', 'in 24 hours', sent.recipients),
    ...(policy.messageSize === null ? [] : [`messages up to ${shownSize(policy.messageSize)}`]),
    ...(share === null ? [] : [`waiting mail up to ${shareWords(share)} (${shownSize(sent.waiting)} now)`]),
  ];
}

/** The limits for which it is recorded what was sent. */
function countsOf(policy: AccountPolicy): readonly (number | null)[] {
  return [policy.messagesPerMinute, policy.messagesPerHour, policy.messagesPerDay, policy.recipientsPerDay];
}

function shareWords(share: NonNullable<AccountPolicy['queueShare']>): string {
  return share.kind === 'percent' ? `${share.percent} % of the queue` : shownSize(share.octets);
}

function queueShareItem({ queueShare }: AccountPolicy): object | null {
  if (queueShare === null) return null;
  return queueShare.kind === 'percent' ? { percent: queueShare.percent } : { octets: queueShare.octets };
}

function ageWords(setAt: EpochMs, now: EpochMs): string {
  const days = ageInDays(setAt, now);
  return days === 0 ? 'today' : `${counted(days, 'day')} ago`;
}

function ageInDays(setAt: EpochMs, now: EpochMs): number {
  return Math.max(0, Math.floor((now - setAt) / DAY));
}

function clipped(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}
