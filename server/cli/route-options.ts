// The options that `route add` and `route set` share, read into a route's conditions and upstreams; and the place of a route
// among the others. Whether names and patterns are any is judged by relay/route-input.ts.

import { parseSize } from '../config/values.ts';
import type { RouteChanges } from '../relay/route-input.ts';
import type { RoutePlace } from '../relay/route-operator.ts';
import { type Call, misused, type Option, type Result } from './command.ts';

export const routeOptions: readonly Option[] = [
  {
    flags: '--account NAME',
    means: 'only mail of this account; may be given several times; * for any (default)',
    repeats: true,
  },
  {
    flags: '--sender PATTERN',
    means:
      'only mail from scan@example.com, @example.com, @*.example.com or <> (nobody); * for any (default)',
    repeats: true,
  },
  {
    flags: '--recipient PATTERN',
    means: 'only recipients such as me@example.com or @example.com; * for any (default)',
    repeats: true,
  },
  { flags: '--larger-than SIZE', means: 'only larger messages, such as 10M; none for any (default)' },
  { flags: '--up-to SIZE', means: 'only messages of at most this size; none for any (default)' },
  {
    flags: '--upstream NAMES',
    means: 'the upstreams in the order in which they are tried, with commas between',
    repeats: true,
  },
];

export const placeOptions: readonly Option[] = [
  { flags: '--first', means: 'before all other routes' },
  { flags: '--before NAME', means: 'before this route' },
];

/** What takes a condition away. */
const ANY = ['', '*', 'any', 'none'];

/** What was given, or why an option cannot be used. */
export function routeChangesOf(call: Call): RouteChanges | Result {
  const problems: string[] = [];
  const list = (option: string): readonly string[] | null | undefined => {
    const text = call.value(option)?.trim();
    if (text === undefined) return undefined;
    if (ANY.includes(text.toLowerCase())) return null;
    const items = text.split(',').map(item => item.trim());
    if (items.includes('')) problems.push(`--${option} takes a list without empty places, not "${text}".`);
    return items;
  };
  const size = (option: string): number | null | undefined => {
    const text = call.value(option)?.trim();
    if (text === undefined) return undefined;
    if (ANY.includes(text.toLowerCase())) return null;
    const octets = parseSize(text);
    if (octets === null)
      problems.push(`--${option} takes a size such as 500K or 10M, or none, not "${text}".`);
    return octets;
  };
  const given = {
    accounts: list('account'),
    senders: list('sender'),
    recipients: list('recipient'),
    sizeOver: size('larger-than'),
    sizeUpTo: size('up-to'),
    upstreams: list('upstream'),
  };
  const [problem] = problems;
  if (problem !== undefined) return misused(problem);
  const { upstreams, ...conditions } = given;
  if (upstreams === null) return misused('--upstream takes the name of at least one upstream.');
  return { ...present(conditions), ...(upstreams === undefined ? {} : { upstreams }) };
}

type Present<Given> = { readonly [Key in keyof Given]?: Exclude<Given[Key], undefined> };

/** Only what was given. */
function present<Given extends object>(given: Given): Present<Given> {
  const result: { [Key in keyof Given]?: Exclude<Given[Key], undefined> } = {};
  for (const key in given) {
    const value = given[key];
    if (isGiven(value)) result[key] = value;
  }
  return result;
}

function isGiven<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined;
}

/** Null: no place was asked for. */
export function placeOf(call: Call): RoutePlace | Result {
  const before = call.value('before');
  if (before !== null && call.has('first')) return misused('Give either --first or --before NAME.');
  if (before !== null) return { kind: 'before', name: before };
  return call.has('first') ? { kind: 'first' } : null;
}
