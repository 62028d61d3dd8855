// The routes as they are configured: kept in the database, viewed from memory in their order. The view is read again after
// each own change and whenever another process (the command line) changed the database. The decision is route.ts's.

import type { Database } from '../storage/database.ts';
import type { Route } from './route.ts';
import { routeFromRow, SELECT_ROUTES } from './route-statements.ts';
import { canonicalUpstreamName } from './upstream.ts';

export type RouteView = Readonly<{
  /** In the order in which they are asked; as of the last reload. */
  list: () => readonly Route[];
  /** By name, without regard to case. */
  find: (name: string) => Route | null;
  /** Calls back after the view was read again. */
  onChange: (listener: () => void) => void;
  /** Reads the database again. */
  reload: () => Promise<void>;
}>;

/** Resolves once the view is loaded. */
export async function createRoutes(database: Pick<Database, 'read' | 'onForeignChange'>): Promise<RouteView> {
  const listeners: (() => void)[] = [];
  let view: readonly Route[] = [];

  async function reload(): Promise<void> {
    view = (await database.read(SELECT_ROUTES)).map(routeFromRow);
    for (const listener of listeners) listener();
  }

  database.onForeignChange(() => void reload().catch(() => undefined));
  await reload();

  return {
    list: () => view,
    find: name =>
      view.find(route => canonicalUpstreamName(route.name) === canonicalUpstreamName(name)) ?? null,
    onChange: listener => void listeners.push(listener),
    reload,
  };
}
