// Which upstreams a message goes to: the first route whose conditions all fit, else the default upstream. Routes name their
// upstreams, and the names are looked up by what is configured now, so that a corrected route or a new upstream frees what
// is stuck. A route that fits and has no upstream left keeps its mail waiting: it never slips to another route. Pure.

import { isPermitted } from '../message/permitted-addresses.ts';
import type { RoutedFacts } from '../queue/delivery.ts';
import { DEFAULT_ROUTE, type Routes } from '../queue/way.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { parsePath } from '../smtp/path.ts';
import { sendingApiOf } from './apis/apis.ts';
import { canonicalUpstreamName, type Upstream } from './upstream.ts';

/** What a message must be for a route to take it; null: any. Every condition that is given must fit. */
export type RouteConditions = Readonly<{
  /** Names. Mail that Postern wrote has no account and fits none of them. */
  accounts: readonly string[] | null;
  /** Patterns of the reverse-path as message/permitted-addresses.ts reads them, or `<>`. */
  senders: readonly string[] | null;
  /** Patterns of the forward-path. */
  recipients: readonly string[] | null;
  /** Octets: larger than this. */
  sizeOver: number | null;
  /** Octets: at most this. */
  sizeUpTo: number | null;
}>;

export type Route = RouteConditions &
  Readonly<{
    id: string;
    name: string;
    /** Names, in the order in which they are tried. */
    upstreams: readonly string[];
  }>;

/** How the null reverse-path is written among the senders of a route. */
export const NULL_SENDER = '<>';

/** The id of the first route that fits. `routes` in their order. */
export function routeOf(routes: readonly Route[], facts: RoutedFacts): string {
  return routes.find(route => fits(route, facts))?.id ?? DEFAULT_ROUTE;
}

/** The ids of each route's upstreams as there are now. */
export function resolveRoutes(routes: readonly Route[], upstreams: readonly Upstream[]): Routes {
  const ids = new Map(upstreams.map(({ id, name }) => [canonicalUpstreamName(name), id]));
  const resolved = new Map<string, readonly string[]>([
    [DEFAULT_ROUTE, routedUpstreams(upstreams).map(({ id }) => id)],
  ]);
  for (const route of routes) {
    const found = route.upstreams.flatMap(name => ids.get(canonicalUpstreamName(name)) ?? []);
    resolved.set(route.id, [...new Set(found)]);
  }
  return resolved;
}

/** The upstreams that mail goes to for which there is no route. Empty: none is configured. */
export function routedUpstreams(upstreams: readonly Upstream[]): readonly Upstream[] {
  return upstreams.filter(upstream => upstream.isDefault);
}

/**
 * Octets of the largest message that some upstream in use takes, so far as it is known; null where one of them may take
 * anything. An upstream that no route names, and that is not the default, counts for nothing.
 */
export function largestMessage(routes: Routes, upstreams: readonly Upstream[]): number | null {
  const used = new Set([...routes.values()].flat());
  const sizes = upstreams.filter(({ id }) => used.has(id)).map(messageSizeOf);
  if (sizes.length === 0 || sizes.includes(null)) return null;
  return Math.max(...sizes.map(Number));
}

/** The smallest of what the operator or a preset says, what the upstream announced, and what a sending API takes. */
function messageSizeOf({ messageSize, announcedSize, scheme }: Upstream): number | null {
  const limits = [messageSize, announcedSize, sendingApiOf(scheme)?.largestMessage ?? null];
  const known = limits.filter(limit => limit !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function fits(route: Route, facts: RoutedFacts): boolean {
  const { accounts, senders, recipients, sizeOver, sizeUpTo } = route;
  return (
    (accounts === null || fitsAccount(accounts, facts.account)) &&
    (sizeOver === null || facts.size > sizeOver) &&
    (sizeUpTo === null || facts.size <= sizeUpTo) &&
    (senders === null || fitsAddress(senders, facts.reversePath)) &&
    (recipients === null || fitsAddress(recipients, facts.forwardPath))
  );
}

/** A list is asked about every recipient and does not change: each is read once. */
const knownAccounts = new WeakMap<readonly string[], ReadonlySet<string>>();

function fitsAccount(accounts: readonly string[], account: string | null): boolean {
  if (account === null) return false;
  const known = knownAccounts.get(accounts) ?? new Set(accounts.map(canonicalName));
  knownAccounts.set(accounts, known);
  return known.has(account);
}

function fitsAddress(patterns: readonly string[], address: string): boolean {
  if (address === '') return patterns.includes(NULL_SENDER);
  const path = parsePath(address, '');
  return !('kind' in path) && isPermitted(patterns, path);
}
