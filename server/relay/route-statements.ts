// Every SQL statement about routes, one function each, and the one parser of their rows.

import type { EpochMs } from '../clock.ts';
import type { Row, SqlValue, Statement } from '../storage/database.ts';
import type { Route } from './route.ts';
import { canonicalUpstreamName } from './upstream.ts';

/** In the order in which they are asked. */
export const SELECT_ROUTES = 'SELECT * FROM route ORDER BY position, created_at, id';

/** Parses a row of the table `route`. */
export function routeFromRow(row: Row): Route {
  return {
    id: String(row['id']),
    name: String(row['name']),
    accounts: listOrNull(row['accounts']),
    senders: listOrNull(row['senders']),
    recipients: listOrNull(row['recipients']),
    sizeOver: numberOrNull(row['size_over']),
    sizeUpTo: numberOrNull(row['size_up_to']),
    upstreams: listOrNull(row['upstreams']) ?? [],
  };
}

export function insertRoute(route: Route, position: number, now: EpochMs): Statement {
  return {
    sql: `INSERT INTO route (id, name, canonical_name, position, accounts, senders, recipients, size_over, size_up_to,
        upstreams, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [route.id, route.name, canonicalUpstreamName(route.name), position, ...columnsOf(route), now],
    require: 1,
  };
}

/** Refused (`require`) when the route was removed meanwhile. */
export function updateRoute(route: Route): Statement {
  return {
    sql: `UPDATE route SET accounts = ?, senders = ?, recipients = ?, size_over = ?, size_up_to = ?, upstreams = ?
      WHERE id = ?`,
    params: [...columnsOf(route), route.id],
    require: 1,
  };
}

/** The places of all routes, in this order. A route that was removed meanwhile refuses it. */
export function orderRoutes(ids: readonly string[]): readonly Statement[] {
  return ids.map((id, position) => ({
    sql: 'UPDATE route SET position = ? WHERE id = ?',
    params: [position, id],
    require: 1,
  }));
}

export function deleteRoute(id: string): Statement {
  return { sql: 'DELETE FROM route WHERE id = ?', params: [id], require: 1 };
}

function columnsOf(route: Route): readonly SqlValue[] {
  return [
    listText(route.accounts),
    listText(route.senders),
    listText(route.recipients),
    route.sizeOver,
    route.sizeUpTo,
    JSON.stringify(route.upstreams),
  ];
}

function listText(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

function listOrNull(value: SqlValue | undefined): readonly string[] | null {
  if (typeof value !== 'string') return null;
  const list: unknown = JSON.parse(value);
  return Array.isArray(list) ? list.filter(one => typeof one === 'string') : [];
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return typeof value === 'number' ? value : null;
}
