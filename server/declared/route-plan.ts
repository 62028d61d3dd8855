// What a declaration changes about routes: those that it names are added or changed and stand in its order; with `prune` the
// others are removed. Accounts and upstreams that a route names must exist when the declaration has been applied; but what
// stays as it is in a route is not looked at again, as with `postern route set`. Pure.

import type { Route } from '../relay/route.ts';
import {
  ANY_MESSAGE,
  checkRoute,
  checkRouteName,
  type Known,
  type RouteChanges,
  type RouteSettings,
} from '../relay/route-input.ts';
import { canonicalUpstreamName } from '../relay/upstream.ts';
import { entry, entryOf, inKeys, namedTwice, type Planned, type Problem } from './change.ts';
import type { Item } from './document.ts';
import { mergedOrder } from './order.ts';
import type { DeclaredRoute } from './route-keys.ts';

export type RouteAct =
  | Readonly<{ kind: 'add'; name: string; settings: RouteSettings }>
  | Readonly<{ kind: 'change'; route: Route; settings: RouteSettings; changes: RouteChanges; moved: boolean }>
  | Readonly<{ kind: 'remove'; route: Route }>;

/** `order`: the names of all routes as they will stand, in the form in which they are compared; null: it stays. */
export type PlannedRoutes = Planned<RouteAct> & Readonly<{ order: readonly string[] | null }>;

type Facts = Readonly<{
  stored: readonly Route[];
  /** What there will be. */
  known: Known;
  /** What there is now. */
  knownBefore: Known;
  prune: boolean;
}>;
type RouteItem = Item<DeclaredRoute>;

const NOTHING: RouteSettings = { ...ANY_MESSAGE, upstreams: [] };
const nameOf = ({ name }: Readonly<{ name: string }>) => canonicalUpstreamName(name);

export function planRoutes(items: readonly RouteItem[], facts: Facts): PlannedRoutes {
  const { stored, prune } = facts;
  const named = new Set(items.map(({ value }) => nameOf(value)));
  const stays = stored.filter(route => !prune || named.has(nameOf(route))).map(nameOf);
  const order = mergedOrder(stays, [...named]);
  const before = order.filter(name => stays.includes(name));
  const moved = new Set(before.filter((name, index) => name !== stays[index]));
  const planned = items.map(item => planRoute(item, facts, moved));
  const removed = stored
    .filter(route => prune && !named.has(nameOf(route)))
    .map(route => entry<RouteAct>({ kind: 'route', name: route.name }, 'removed', { kind: 'remove', route }));
  return {
    entries: [...planned.flatMap(({ entries }) => entries), ...removed],
    problems: [
      ...planned.flatMap(({ problems }) => problems),
      ...namedTwice('routes', items, { key: 'name', keyOf: nameOf }),
    ],
    warnings: [],
    order:
      order.length === stored.length && order.every((name, index) => name === stays[index]) ? null : order,
  };
}

function planRoute({ index, value }: RouteItem, facts: Facts, moved: ReadonlySet<string>): Planned<RouteAct> {
  const { stored, known } = facts;
  const route = stored.find(one => nameOf(one) === nameOf(value)) ?? null;
  const badName = checkRouteName(value.name);
  const problems: Problem[] = [
    ...(badName === null ? [] : [{ path: ['routes', index, 'name'], text: badName }]),
  ];
  const changed = settingsOf(value).filter(([key, setting, wanted]) => {
    if (route !== null && isSame(route[setting], wanted[setting])) {
      problems.push(...namesThatGo(wanted, facts).map(text => ({ path: ['routes', index, key], text })));
      return false;
    }
    // By itself, so that all that is wrong is said at once.
    const checked = checkRoute(ANYTHING, wanted, known);
    if (checked.kind === 'refused')
      problems.push({ path: ['routes', index, key], text: inKeys(checked.text) });
    return checked.kind === 'refused' || !isSame(route?.[setting], checked.settings[setting]);
  });
  let changes: RouteChanges = {};
  for (const [, , one] of changed) changes = { ...changes, ...one };
  const checked = checkRoute(route ?? NOTHING, changes, known);
  if (checked.kind === 'refused' && problems.length === 0) {
    problems.push({ path: ['routes', index], text: inKeys(checked.text) });
  }
  if (checked.kind === 'refused' || problems.length > 0) return { entries: [], problems, warnings: [] };
  const { settings } = checked;
  const what = { kind: 'route', name: route?.name ?? value.name.trim() } as const;
  if (route === null) {
    const act = { kind: 'add', name: what.name, settings } as const;
    return { entries: [entry<RouteAct>(what, 'added', act)], problems, warnings: [] };
  }
  const isMoved = moved.has(nameOf(route));
  const keys = [...changed.map(([key]) => key), ...(isMoved ? ['place'] : [])];
  const act: RouteAct = { kind: 'change', route, settings, changes, moved: isMoved };
  return { entries: [entryOf(what, keys, act)], problems, warnings: [] };
}

/** What stays in a route is not looked at again, unless the declaration itself takes it away. */
function namesThatGo(stays: RouteChanges, { known, knownBefore }: Facts): readonly string[] {
  return (['accounts', 'upstreams'] as const).flatMap(kind =>
    (stays[kind] ?? [])
      .filter(name => known[kind].find(name) === null && knownBefore[kind].find(name) !== null)
      .map(name => `"${name}" will not exist any more: this file takes it away; name another one`),
  );
}

/** To try one setting by itself on. */
const ANYTHING: RouteSettings = { ...ANY_MESSAGE, upstreams: ['-'] };

/** Each setting with its key. What the file does not say is as a new route has it. */
function settingsOf(
  declared: DeclaredRoute,
): readonly (readonly [keyof DeclaredRoute, keyof RouteSettings, RouteChanges])[] {
  return [
    ['accounts', 'accounts', { accounts: listOrAny(declared.accounts) }],
    ['senders', 'senders', { senders: listOrAny(declared.senders) }],
    ['recipients', 'recipients', { recipients: listOrAny(declared.recipients) }],
    ['larger_than', 'sizeOver', { sizeOver: declared.larger_than ?? null }],
    ['up_to', 'sizeUpTo', { sizeUpTo: declared.up_to ?? null }],
    ['upstreams', 'upstreams', { upstreams: declared.upstreams }],
  ];
}

function listOrAny(list: readonly string[] | undefined): readonly string[] | null {
  return list === undefined || list.includes('*') ? null : list;
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
