// The options that `upstream add` and `upstream set` share, read into settings: trust, EHLO name, pace, size, senders.
// Whether the values are any is judged by relay/upstream-input.ts.

import { parseSize } from '../config/values.ts';
import type { PacingLimits, SenderIdentity } from '../relay/upstream.ts';
import type { UpstreamOptions } from '../relay/upstream-input.ts';
import { type Call, failed, misused, type Option, type Result } from './command.ts';

export const settingOptions: readonly Option[] = [
  { flags: '--ca FILE', means: 'trust only the certificates in this PEM file', readsFile: true },
  { flags: '--ehlo-name NAME', means: 'name to give in EHLO instead of the host name' },
  { flags: '--connections N', means: 'deliveries at the same time (default 3, or as its provider allows)' },
  { flags: '--per-connection N', means: 'messages over one connection; none for no limit of its own' },
  { flags: '--per-minute N', means: 'messages in any minute, spread over it; none for no limit' },
  { flags: '--per-hour N', means: 'messages in any hour; none for no limit' },
  { flags: '--per-day N', means: 'messages in any 24 hours; none for no limit' },
  { flags: '--max-size SIZE', means: 'its largest message, such as 25M; none to take what it announces' },
  {
    flags: '--sender ADDR',
    means: 'the address that it lets us send as; {account} stands for the name of the account',
  },
  {
    flags: '--senders LIST',
    means: 'whom it lets us send as besides: addresses, @domain, @*.domain',
    repeats: true,
  },
  {
    flags: '--rewrite WHEN',
    means: 'whether other senders become --sender there: keep (default), if-not-permitted or always',
  },
  { flags: '--null-sender WHAT', means: 'what becomes of the sender <> there: keep (default) or replace' },
  {
    flags: '--display-name WHAT',
    means: 'whether names of senders may contain an @ there: keep (default) or without-at',
  },
  { flags: '--allow-plaintext', means: 'let smtp+notls:// leave this machine' },
];

const NO_LIMIT = ['', '0', 'none'];
const REWRITES = ['keep', 'if-not-permitted', 'always'] as const;
const NULL_SENDERS = ['keep', 'replace'] as const;
const DISPLAY_NAMES = ['keep', 'without-at'] as const;

/** The settings that are given, or why an option cannot be used. */
export function settingsOf(call: Call): UpstreamOptions | Result {
  const ca = call.file('ca');
  if (ca?.kind === 'unreadable') return failed(`The CA file ${ca.why}`);
  const problems: string[] = [];
  const pacing = pacingOf(call, problems);
  const identity = identityOf(call, problems);
  const connections = read(call, 'connections', wholeNumber, 'a number', problems);
  const messageSize = limit(call, 'max-size', parseSize, 'a size such as 500K or 25M, or none', problems);
  const [problem] = problems;
  if (problem !== undefined) return misused(problem);
  const ehloName = call.value('ehlo-name');
  return {
    ...(call.value('ca') === null ? {} : { caPem: ca === null ? null : ca.octets.toString('utf8') }),
    ...(ehloName === null ? {} : { ehloName: ehloName === '' ? null : ehloName }),
    ...(connections === undefined ? {} : { connections }),
    ...(messageSize === undefined ? {} : { messageSize }),
    ...(Object.keys(pacing).length === 0 ? {} : { pacing }),
    ...(Object.keys(identity).length === 0 ? {} : { identity }),
    ...(call.has('allow-plaintext') ? { allowPlaintext: true } : {}),
  };
}

function pacingOf(call: Call, problems: string[]): Partial<PacingLimits> {
  const count = (option: string) => limit(call, option, wholeNumber, 'a whole number, or none', problems);
  const perConnection = count('per-connection');
  const perMinute = count('per-minute');
  const perHour = count('per-hour');
  const perDay = count('per-day');
  return {
    ...(perConnection === undefined ? {} : { messagesPerConnection: perConnection }),
    ...(perMinute === undefined ? {} : { messagesPerMinute: perMinute }),
    ...(perHour === undefined ? {} : { messagesPerHour: perHour }),
    ...(perDay === undefined ? {} : { messagesPerDay: perDay }),
  };
}

function identityOf(call: Call, problems: string[]): Partial<SenderIdentity> {
  const sender = call.value('sender')?.trim();
  const senders = call.value('senders');
  const rewrite = read(call, 'rewrite', oneOf(REWRITES), inWords(REWRITES), problems);
  const nullSender = read(call, 'null-sender', oneOf(NULL_SENDERS), inWords(NULL_SENDERS), problems);
  const displayName = read(call, 'display-name', oneOf(DISPLAY_NAMES), inWords(DISPLAY_NAMES), problems);
  return {
    ...(sender === undefined ? {} : { sender: ['', 'none'].includes(sender) ? null : sender }),
    ...(senders === null ? {} : { senders: listIn(senders) }),
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(nullSender === undefined ? {} : { nullSender }),
    ...(displayName === undefined ? {} : { displayName }),
  };
}

/** Undefined: it was not given, or it is in `problems`. */
function read<Value>(
  call: Call,
  option: string,
  parse: (text: string) => Value | null,
  allowed: string,
  problems: string[],
): Value | undefined {
  const text = call.value(option)?.trim();
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === null) problems.push(`--${option} takes ${allowed}, not "${text}".`);
  return value ?? undefined;
}

/** Null: no limit. */
function limit(
  call: Call,
  option: string,
  parse: (text: string) => number | null,
  allowed: string,
  problems: string[],
): number | null | undefined {
  if (NO_LIMIT.includes(call.value(option)?.trim().toLowerCase() ?? '-')) return null;
  return read(call, option, parse, allowed, problems);
}

function wholeNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word | null {
  return text => words.find(word => word === text) ?? null;
}

function inWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** An empty text or "none" takes all away. */
function listIn(text: string): readonly string[] {
  if (['', 'none'].includes(text.trim().toLowerCase())) return [];
  return text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '');
}
