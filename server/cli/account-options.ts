// The options that `account add` and `account set` share, read into settings: what an account may do, from where, how much,
// until when. Whether addresses, networks and mechanisms are any is judged by accounts/account-settings.ts, asked here too: exit status 2.

import type { QueueShare } from '../accounts/account-policy.ts';
import { checkSettings, MOST, type SomeSettings } from '../accounts/account-settings.ts';
import { parseExpiry } from '../accounts/expiry.ts';
import type { EpochMs } from '../clock.ts';
import { parseSize } from '../config/values.ts';
import { type Call, misused, type Option, type Result } from './command.ts';

export const settingOptions: readonly Option[] = [
  { flags: '--sender ADDR', means: 'its own address, for messages that name no sender' },
  {
    flags: '--senders LIST',
    means: 'whom it may send as: addresses, @domain, @*.domain, or * for anybody (default)',
    repeats: true,
  },
  {
    flags: '--other-senders WHAT',
    means: 'what becomes of messages with another sender: refuse (default) or allow',
  },
  {
    flags: '--recipients LIST',
    means: 'whom it may send to, written like --senders; * for anybody (default)',
    repeats: true,
  },
  {
    flags: '--networks LIST',
    means: 'addresses and networks it may log in from, such as 192.168.1.0/24; * for any (default)',
    repeats: true,
  },
  {
    flags: '--mechanisms LIST',
    means: 'mechanisms it may log in with, such as SCRAM-SHA-256; * for any (default)',
    repeats: true,
  },
  { flags: '--per-minute N', means: 'messages in any minute' },
  { flags: '--per-hour N', means: 'messages in any hour' },
  { flags: '--per-day N', means: 'messages in any 24 hours' },
  { flags: '--recipients-per-message N', means: 'recipients of one message' },
  { flags: '--recipients-per-day N', means: 'recipients in any 24 hours' },
  { flags: '--message-size SIZE', means: 'its largest message, such as 10M' },
  { flags: '--queue-share SHARE', means: 'what its waiting mail may take: a size, or percent such as 20%' },
  { flags: '--expires WHEN', means: 'its last day (2027-01-31), a time in UTC, a duration (90d), or never' },
  { flags: '--owner ADDR', means: 'the address of the person to whom the device belongs' },
  { flags: '--note TEXT', means: 'a reminder for yourself' },
];

/** What takes a value away. For a list it is `*`: "none" might be meant as "nobody". */
const NO_LIMIT = ['', 'none', 'never'];
const NO_TEXT = ['', 'none'];
const NO_LIST = ['', '*', 'any'];

/** The settings that are given, or why an option cannot be used. */
export function settingsOf(call: Call, now: EpochMs): SomeSettings | Result {
  const problems: string[] = [];
  const read = <Value>(option: string, parse: (text: string) => Value | null, allowed: string) => {
    const text = call.value(option)?.trim();
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === null)
      problems.push(`--${option} takes ${allowed}, not "${text}"${adviceOn(option, text)}.`);
    return value ?? undefined;
  };
  const limit = <Value>(option: string, parse: (text: string) => Value | null, allowed: string) =>
    NO_LIMIT.includes(call.value(option)?.trim() ?? '-') ? null : read(option, parse, allowed);
  const number = (option: string) => limit(option, wholeNumber, `a whole number from 1 to ${MOST}, or none`);
  const list = (option: string, example: string) =>
    NO_LIST.includes(call.value(option)?.trim() ?? '-')
      ? null
      : read(option, listIn, `a list such as ${example}, or *`);

  const settings: SomeSettings = {
    sender: textOf(call, 'sender'),
    senders: list('senders', 'scan@example.com,@example.net'),
    otherSenders: read('other-senders', otherSendersIn, 'refuse or allow'),
    recipients: list('recipients', 'me@example.com,@example.net'),
    networks: list('networks', '192.168.1.0/24,fd00::/8'),
    mechanisms: list('mechanisms', 'PLAIN,LOGIN'),
    messagesPerMinute: number('per-minute'),
    messagesPerHour: number('per-hour'),
    messagesPerDay: number('per-day'),
    recipientsPerMessage: number('recipients-per-message'),
    recipientsPerDay: number('recipients-per-day'),
    messageSize: limit('message-size', parseSize, 'a size such as 500K or 10M, or none'),
    queueShare: limit('queue-share', queueShareIn, 'a size such as 200M, a share such as 20%, or none'),
    expiresAt: limit(
      'expires',
      text => parseExpiry(text, now),
      'a date (2027-01-31), a time (2027-01-31T18:00), a duration (90d), or never',
    ),
    owner: textOf(call, 'owner'),
    note: textOf(call, 'note'),
  };
  const [problem] = problems;
  if (problem !== undefined) return misused(problem);
  // What is wrong by itself is wrong usage, whoever finds it; what depends on the accounts there are has failed.
  const checked = checkSettings(settings);
  return checked.kind === 'settings' ? settings : misused(checked.text);
}

/** "None" in a list may be meant as "nobody" or as "no limit". */
function adviceOn(option: string, text: string): string {
  const isNone = listOptions.includes(option) && /\bnone\b/i.test(text);
  return isNone
    ? `: for no limit write --${option} '*'; to shut it out altogether, "postern account disable NAME"`
    : '';
}

const listOptions: readonly string[] = ['senders', 'recipients', 'networks', 'mechanisms'];

/** Why an option that takes names cannot be used: one of them is empty. */
export function emptyName(call: Call, option: string): Result | null {
  const text = call.value(option);
  if (text === null || text.split(',').every(name => name.trim() !== '')) return null;
  return misused(`--${option} takes a login name, not an empty one.`);
}

/** Names that are given by an option that may be repeated, or at once with commas between. */
export function namesOf(call: Call, option: string): readonly string[] | undefined {
  const text = call.value(option);
  return text?.split(',').map(name => name.trim());
}

/** Whether any of them is given. */
export function isGiven(settings: SomeSettings): boolean {
  return Object.values(settings).some(value => value !== undefined);
}

/** An empty text takes it away, and "none" as for every limit. */
function textOf(call: Call, option: string): string | null | undefined {
  const text = call.value(option);
  if (text === null) return undefined;
  return NO_TEXT.includes(text.trim().toLowerCase()) ? null : text;
}

function listIn(text: string): readonly string[] | null {
  const items = text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '');
  const isDoubtful = items.length === 0 || items.some(item => item.toLowerCase() === 'none');
  return isDoubtful ? null : items;
}

function wholeNumber(text: string): number | null {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

function otherSendersIn(text: string): 'refuse' | 'allow' | null {
  return text === 'refuse' || text === 'allow' ? text : null;
}

function queueShareIn(text: string): QueueShare | null {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  if (percent !== undefined) return { kind: 'percent', percent: Number(percent) };
  const octets = parseSize(text);
  return octets === null ? null : { kind: 'octets', octets };
}
