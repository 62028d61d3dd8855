// What the operator does with routes. Every change is one commit together with its line of the audit; places are given anew
// to all routes with it, so that their order never depends on gaps. A running server sees it within half a second.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import type { Route } from './route.ts';
import {
  ANY_MESSAGE,
  checkRoute,
  checkRouteName,
  type Known,
  type RouteChanges,
  type RouteSettings,
} from './route-input.ts';
import { deleteRoute, insertRoute, orderRoutes, updateRoute } from './route-statements.ts';
import type { RouteView } from './routes.ts';

/** What a change came to. `text` of a refusal is one line for the operator: what, why, what to do. */
export type RouteChange = Readonly<{ kind: 'done'; route: Route }> | Refusal;

type Refusal = Readonly<{ kind: 'refused'; text: string }>;

/** Where a route stands among the others; null: behind them all. */
export type RoutePlace = Readonly<{ kind: 'first' }> | Readonly<{ kind: 'before'; name: string }> | null;

export type RouteOperator = Readonly<{
  list: RouteView['list'];
  find: RouteView['find'];
  add: (name: string, settings: RouteChanges, place: RoutePlace) => Promise<RouteChange>;
  set: (name: string, changes: RouteChanges) => Promise<RouteChange>;
  move: (name: string, place: RoutePlace) => Promise<RouteChange>;
  remove: (name: string) => Promise<RouteChange>;
}>;

type Deps = Readonly<{
  database: Pick<Database, 'commit'>;
  view: RouteView;
  known: Known;
  clock: Clock;
  newId: NewId;
  /** The row of the audit that belongs into the commit of a change. */
  audit: (fact: AuditFact) => Statement;
}>;

const NOTHING: RouteSettings = { ...ANY_MESSAGE, upstreams: [] };

export function createRouteOperator({ database, view, known, clock, newId, audit }: Deps): RouteOperator {
  const commit = async (route: Route, group: readonly Statement[]): Promise<RouteChange> => {
    const result = await database.commit(group);
    if (result.kind !== 'committed') return refused(refusalText(route.name, result));
    await view.reload();
    return { kind: 'done', route: view.list().find(({ id }) => id === route.id) ?? route };
  };

  const changeKnown = async (
    name: string,
    act: (route: Route) => Promise<RouteChange>,
  ): Promise<RouteChange> => {
    await view.reload();
    const route = view.find(name);
    return route === null ? refused(unknownText(name, view.list())) : act(route);
  };

  /** The ids in their new order, or why the place is none. */
  const orderWith = (id: string, place: RoutePlace): readonly string[] | Refusal => {
    const others = view.list().filter(route => route.id !== id);
    if (place === null) return [...others.map(route => route.id), id];
    if (place.kind === 'first') return [id, ...others.map(route => route.id)];
    const target = view.find(place.name);
    if (target === null) return refused(unknownText(place.name, view.list()));
    if (target.id === id) return refused('A route cannot stand before itself: name another one.');
    return others.flatMap(route => (route.id === target.id ? [id, route.id] : [route.id]));
  };

  return {
    list: view.list,
    find: view.find,
    add: async (written, given, place) => {
      const problem = checkRouteName(written);
      if (problem !== null) return refused(problem);
      const checked = checkRoute(NOTHING, given, known);
      if (checked.kind === 'refused') return checked;
      await view.reload();
      const name = written.trim();
      const route: Route = { id: newId(), name, ...checked.settings };
      const order = orderWith(route.id, place);
      if ('kind' in order) return order;
      const insert = insertRoute(route, view.list().length, clock.now());
      return commit(route, [insert, ...orderRoutes(order), audit({ action: 'route.added', object: name })]);
    },
    set: (name, changes) =>
      changeKnown(name, async route => {
        const checked = checkRoute(route, changes, known);
        if (checked.kind === 'refused') return checked;
        const detail = Object.keys(changes).map(namedInAudit).join(', ');
        const fact = { action: 'route.changed', object: route.name, detail } as const;
        return commit(route, [updateRoute({ ...route, ...checked.settings }), audit(fact)]);
      }),
    move: (name, place) =>
      changeKnown(name, async route => {
        const order = orderWith(route.id, place);
        if ('kind' in order) return order;
        const detail = `now number ${order.indexOf(route.id) + 1}`;
        const fact = { action: 'route.moved', object: route.name, detail } as const;
        return commit(route, [...orderRoutes(order), audit(fact)]);
      }),
    remove: name =>
      changeKnown(name, route =>
        commit(route, [deleteRoute(route.id), audit({ action: 'route.removed', object: route.name })]),
      ),
  };
}

/** `sizeUpTo` as `size up to`. */
export function namedInAudit(setting: string): string {
  return setting.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`);
}

export function unknownText(name: string, routes: readonly Route[]): string {
  const names = routes.map(route => route.name).join(', ');
  const hint =
    names === '' ? 'none exists yet; add one with "postern route add"' : `there are these: ${names}`;
  return `No route is called "${name}": ${hint}.`;
}

function refusalText(name: string, refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return `A route called "${name}" exists already: choose another name, or change it with "postern route set".`;
    case 'requirement':
      return 'The routes were changed by somebody else at the same moment: look at them with "postern route list" and try again.';
    default:
      return storageRefusalText(refusal);
  }
}

function refused(text: string): Refusal {
  return { kind: 'refused', text };
}
