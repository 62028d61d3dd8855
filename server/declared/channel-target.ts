// Where a declared alert channel sends to: what the file says, and for what it leaves out what is stored. Pure.

import type { ChannelSettings } from '../notification/channel.ts';
import { type ChannelTarget, checkTarget } from '../notification/channel-input.ts';
import type { DeclaredChannel } from './route-keys.ts';

type Key = 'kind' | 'url' | 'secret' | 'token' | 'to' | 'from';
export type KeyProblem = Readonly<{ key: Key; text: string }>;

export type CheckedTarget =
  | Readonly<{ kind: 'settings'; settings: ChannelSettings; warnings: readonly string[] }>
  | Readonly<{ kind: 'wrong'; problems: readonly KeyProblem[] }>;

/** The keys that each kind has. */
const KEYS: Readonly<Record<DeclaredChannel['kind'], readonly Key[]>> = {
  webhook: ['url', 'secret'],
  ntfy: ['url', 'token'],
  email: ['to', 'from'],
};

const GIVE = 'give { file: PATH }, { env: NAME } or the text itself';

/** `stored`: the settings as they are; null: there are none, or nobody can open them. */
export function checkedTarget(declared: DeclaredChannel, stored: ChannelSettings | null): CheckedTarget {
  const problems: KeyProblem[] = [...strangers(declared)];
  const target = targetOf(declared, stored, problems);
  if (target === null) return { kind: 'wrong', problems };
  // Each key by itself, so that all that is wrong is said at once.
  for (const [key, one] of apart(target)) {
    const checked = checkTarget(one, neverMade);
    if (checked.kind === 'refused') problems.push({ key, text: checked.text });
  }
  const checked = checkTarget(target, neverMade);
  return checked.kind === 'refused' || problems.length > 0 ? { kind: 'wrong', problems } : checked;
}

/** The keys of which the values differ. */
export function differences(before: ChannelSettings | null, after: ChannelSettings): readonly Key[] {
  if (before === null) return KEYS[after.kind];
  if (before.kind !== after.kind) return ['kind', ...KEYS[after.kind]];
  const old = new Map<string, unknown>(Object.entries(before));
  const now = new Map<string, unknown>(Object.entries(after));
  return KEYS[after.kind].filter(key => old.get(key) !== now.get(key));
}

function strangers(declared: DeclaredChannel): readonly KeyProblem[] {
  const all: readonly Exclude<Key, 'kind'>[] = ['url', 'secret', 'token', 'to', 'from'];
  const own = KEYS[declared.kind];
  return all
    .filter(key => declared[key] !== undefined && !own.includes(key))
    .map(key => ({
      key,
      text: `does not belong to an alert channel of the kind ${declared.kind}, which has ${own.join(' and ')}`,
    }));
}

function targetOf(
  declared: DeclaredChannel,
  stored: ChannelSettings | null,
  problems: KeyProblem[],
): ChannelTarget | null {
  const missing = (key: Key, what: string): null => {
    problems.push({ key, text: `is missing; ${what}` });
    return null;
  };
  const url = () =>
    declared.url ?? (stored?.kind === declared.kind ? urlOf(stored) : null) ?? missing('url', GIVE);
  switch (declared.kind) {
    case 'webhook': {
      const known = stored?.kind === 'webhook' ? stored.secret : null;
      const [to, secret] = [url(), declared.secret ?? known ?? missing('secret', GIVE)];
      return to === null || secret === null ? null : { kind: 'webhook', url: to, secret };
    }
    case 'ntfy': {
      const to = url();
      if (to === null) return null;
      const token = tokenOf(declared, stored, to);
      if (token !== undefined) return { kind: 'ntfy', url: to, token };
      return missing('token', `the stored one is not sent to another server; ${GIVE}, or '' for none`);
    }
    case 'email': {
      const known = stored?.kind === 'email' ? stored.to : null;
      const to = declared.to ?? known ?? missing('to', 'give an address');
      return to === null ? null : { kind: 'email', to, from: declared.from ?? to };
    }
    default:
      return declared.kind satisfies never;
  }
}

function urlOf(settings: ChannelSettings): string | null {
  return settings.kind === 'email' ? null : settings.url;
}

/** Null: none. Undefined: there is one, and it is for another server. */
function tokenOf(
  { token }: DeclaredChannel,
  stored: ChannelSettings | null,
  url: string,
): string | null | undefined {
  if (token !== undefined) return token || null;
  if (stored?.kind !== 'ntfy' || stored.token === null) return null;
  return originOf(url) === originOf(stored.url) ? stored.token : undefined;
}

const LONG_ENOUGH = 'x'.repeat(64);
const SOME_TOPIC = 'https://ntfy.sh/topic';
const SOME_HOOK = 'https://example.net/hook';

/** Each key with others that are good. */
function apart(target: ChannelTarget): readonly (readonly [Key, ChannelTarget])[] {
  switch (target.kind) {
    case 'webhook':
      return [
        ['url', { ...target, secret: LONG_ENOUGH }],
        ['secret', { ...target, url: SOME_HOOK }],
      ];
    case 'ntfy':
      return [
        ['url', { ...target, token: null }],
        ['token', { ...target, url: SOME_TOPIC }],
      ];
    case 'email':
      return [
        ['to', { ...target, from: target.to }],
        ['from', { ...target, to: target.from ?? target.to }],
      ];
    default:
      return target satisfies never;
  }
}

/** Empty for what is no URL. */
function originOf(url: string): string {
  return URL.parse(url)?.origin ?? '';
}

/** A declaration that leaves out the secret of a new webhook is refused before. */
function neverMade(): string {
  throw new Error('a declared secret is never generated');
}
