// How a route is shown: its conditions and upstreams in words, its item for --json, and what is wrong with it now. Pure.

import type { Route } from '../relay/route.ts';
import type { CommandStore } from './command-store.ts';
import { quoted, shownSize } from './output.ts';

/** "account scanner; larger than 10.0 MiB", or "everything". */
export function conditionsText(route: Route): string {
  const { accounts, senders, recipients, sizeOver, sizeUpTo } = route;
  const parts = [
    ...(accounts === null ? [] : [`account ${accounts.join(' or ')}`]),
    ...(senders === null ? [] : [`from ${senders.join(' or ')}`]),
    ...(recipients === null ? [] : [`to ${recipients.join(' or ')}`]),
    ...(sizeOver === null ? [] : [`larger than ${shownSize(sizeOver)}`]),
    ...(sizeUpTo === null ? [] : [`at most ${shownSize(sizeUpTo)}`]),
  ];
  return parts.length === 0 ? 'everything' : parts.join('; ');
}

/** The upstreams in their order; those that do not exist are marked. */
export function upstreamsText(route: Route, store: Pick<CommandStore, 'upstreams'>): string {
  return route.upstreams
    .map(name => (store.upstreams.find(name) === null ? `${name} (missing)` : name))
    .join(', ');
}

export function routeItem(route: Route, store: CommandStore): object {
  return {
    id: route.id,
    name: route.name,
    position: store.routes.list().findIndex(({ id }) => id === route.id) + 1,
    accounts: route.accounts,
    senders: route.senders,
    recipients: route.recipients,
    larger_than: route.sizeOver,
    up_to: route.sizeUpTo,
    upstreams: route.upstreams.map(name => ({ name, missing: store.upstreams.find(name) === null })),
  };
}

/** One line each, with what to do. */
export function routeWarnings(routes: readonly Route[], store: CommandStore): readonly string[] {
  return routes.flatMap(route => [
    ...missingUpstreams(route, store),
    ...missingAccounts(route, store),
    ...shadowed(route, store),
  ]);
}

/** After a change of this route: what is wrong with it, and with others because of it. */
export function changeWarnings(route: Route, store: CommandStore): readonly string[] {
  const others = store.routes.list().filter(({ id }) => id !== route.id);
  const because = others.filter(other => shadowOf(other, store)?.id === route.id);
  return [...routeWarnings([route], store), ...because.flatMap(other => shadowed(other, store))];
}

function missingUpstreams(route: Route, { upstreams }: CommandStore): readonly string[] {
  const missing = route.upstreams.filter(name => upstreams.find(name) === null);
  if (missing.length === 0) return [];
  const all = missing.length === route.upstreams.length;
  const what = missing.map(name => `"${name}"`).join(', ');
  const [kind, verb] = missing.length === 1 ? ['upstream', 'does'] : ['upstreams', 'do'];
  const consequence = all ? 'its mail waits until it has one' : 'the others take its mail';
  return [
    `Route ${route.name} names the ${kind} ${what}, which ${verb} not exist: ${consequence}. Change it with "postern route set ${quoted(route.name)} --upstream NAMES".`,
  ];
}

function missingAccounts(route: Route, { accounts }: CommandStore): readonly string[] {
  return (route.accounts ?? [])
    .filter(name => accounts.show(name) === null)
    .map(
      name =>
        `Route ${route.name} names the account "${name}", which does not exist: no mail fits by that name.`,
    );
}

/** A route without conditions takes all mail: what stands behind it is never asked. */
function shadowed(route: Route, store: CommandStore): readonly string[] {
  const above = shadowOf(route, store);
  if (above === undefined) return [];
  return [
    `Route ${route.name} is never asked: ${above.name} stands before it and takes everything. Move it with "postern route move ${quoted(route.name)} --before ${quoted(above.name)}".`,
  ];
}

/** The first before it that takes everything. */
function shadowOf({ id }: Route, { routes }: CommandStore): Route | undefined {
  const list = routes.list();
  const position = list.findIndex(one => one.id === id);
  return list.slice(0, Math.max(0, position)).find(one => conditionsText(one) === 'everything');
}
