// Checks what the operator gives for a route and turns it into a route, or into the sentence that says what is wrong with it.
// Accounts and upstreams must exist when they are named: a typing error would keep mail waiting without a word. One that is
// removed later stays in the route.

import { parseAddressPattern } from '../accounts/address-pattern.ts';
import { NULL_SENDER, type Route, type RouteConditions } from './route.ts';
import { canonicalUpstreamName } from './upstream.ts';

/** Null takes a condition away; what is not present stays as it is. */
export type RouteChanges = Partial<RouteConditions> & Readonly<{ upstreams?: readonly string[] }>;

export type RouteSettings = Pick<Route, keyof RouteConditions | 'upstreams'>;

export type CheckedRoute =
  | Readonly<{ kind: 'settings'; settings: RouteSettings }>
  | Readonly<{ kind: 'refused'; text: string }>;

/** What a route may name: as it is written, and as it is found by a name that means the same. */
export type Known = Readonly<{
  accounts: Readonly<{ names: () => readonly string[]; find: (name: string) => string | null }>;
  upstreams: Readonly<{ names: () => readonly string[]; find: (name: string) => string | null }>;
}>;

const MOST_UPSTREAMS = 20;

export const ANY_MESSAGE: RouteConditions = {
  accounts: null,
  senders: null,
  recipients: null,
  sizeOver: null,
  sizeUpTo: null,
};

/** Null when the name may be used, else the sentence for the operator. */
export function checkRouteName(name: string): string | null {
  if (name.trim() === '') return 'The name of a route cannot be empty.';
  if (/\p{Cc}/u.test(name)) return 'The name of a route cannot contain control characters.';
  if (canonicalUpstreamName(name) === 'default') {
    return 'The name "default" means the default upstream, which takes what no route fits: choose another one.';
  }
  return name.length > 100 ? 'The name of a route has at most 100 characters.' : null;
}

/** `base`: the route as it is; what is not changed is not looked at again. */
export function checkRoute(base: RouteSettings, changes: RouteChanges, known: Known): CheckedRoute {
  const problems: string[] = [];
  const read = (
    list: readonly string[] | null | undefined,
    stays: readonly string[] | null,
    check: (list: readonly string[]) => Checked,
  ) => {
    if (list === undefined || list === null) return list === null ? null : stays;
    const checked = check(list);
    if (checked.kind === 'right') return checked.list;
    problems.push(checked.text);
    return stays;
  };
  const settings: RouteSettings = {
    accounts: read(changes.accounts, base.accounts, list => existing(list, known.accounts, ACCOUNT)),
    senders: read(changes.senders, base.senders, checkSenders),
    recipients: read(changes.recipients, base.recipients, list => checkPatterns(list, 'recipients')),
    sizeOver: changes.sizeOver === undefined ? base.sizeOver : changes.sizeOver,
    sizeUpTo: changes.sizeUpTo === undefined ? base.sizeUpTo : changes.sizeUpTo,
    upstreams:
      read(changes.upstreams, base.upstreams, list => existing(list, known.upstreams, UPSTREAM)) ?? [],
  };
  const [problem = sizeProblem(settings) ?? upstreamProblem(settings)] = problems;
  return problem === null ? { kind: 'settings', settings } : { kind: 'refused', text: problem };
}

type Checked =
  | Readonly<{ kind: 'right'; list: readonly string[] }>
  | Readonly<{ kind: 'wrong'; text: string }>;

type Noun = Readonly<{ one: string; many: string; add: string }>;
const ACCOUNT: Noun = { one: 'account', many: 'accounts', add: 'postern account add' };
const UPSTREAM: Noun = { one: 'upstream', many: 'upstreams', add: 'postern upstream add' };

function existing(list: readonly string[], known: Known['accounts'], noun: Noun): Checked {
  const found = list.map(name => ({ name, known: known.find(name) }));
  const missing = found.find(one => one.known === null);
  if (missing === undefined) {
    return { kind: 'right', list: [...new Set(found.flatMap(one => one.known ?? []))] };
  }
  const names = known.names();
  const hint =
    names.length === 0
      ? `none exists yet; add one with "${noun.add}"`
      : `there are these: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ' …' : ''}`;
  return { kind: 'wrong', text: `No ${noun.one} is called "${missing.name}": ${hint}.` };
}

function checkSenders(list: readonly string[]): Checked {
  const isNull = (pattern: string) => pattern.trim() === NULL_SENDER;
  const checked = checkPatterns(
    list.filter(pattern => !isNull(pattern)),
    'senders',
  );
  if (checked.kind === 'wrong' || !list.some(isNull)) return checked;
  return { kind: 'right', list: [...checked.list, NULL_SENDER] };
}

function checkPatterns(list: readonly string[], what: string): Checked {
  const patterns = list.map(parseAddressPattern);
  const bad = patterns.find(pattern => pattern.kind === 'bad');
  if (bad !== undefined) return { kind: 'wrong', text: `The ${what} of the route: ${bad.text}` };
  return { kind: 'right', list: [...new Set(patterns.map(pattern => pattern.text))] };
}

function sizeProblem({ sizeOver, sizeUpTo }: RouteSettings): string | null {
  if (sizeOver === null || sizeUpTo === null || sizeOver < sizeUpTo) return null;
  return 'No message is larger than --larger-than and at most --up-to: the first must be the smaller one.';
}

function upstreamProblem({ upstreams }: RouteSettings): string | null {
  if (upstreams.length === 0)
    return 'A route needs at least one upstream: give --upstream NAME, or several in their order.';
  return upstreams.length > MOST_UPSTREAMS ? `A route has at most ${MOST_UPSTREAMS} upstreams.` : null;
}
