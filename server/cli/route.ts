// `postern route …`: which upstreams mail goes to, by account, sender, recipient and size; and what would become of a message.

import { parseSize } from '../config/values.ts';
import { DEFAULT_ROUTE } from '../queue/way.ts';
import { resolveRoutes, routeOf } from '../relay/route.ts';
import { type RouteChange, unknownText } from '../relay/route-operator.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { parsePath } from '../smtp/path.ts';
import { type Call, type Command, commandsOf, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts, table } from './output.ts';
import { changeWarnings, conditionsText, routeItem, routeWarnings, upstreamsText } from './route-item.ts';
import { placeOf, placeOptions, routeChangesOf, routeOptions } from './route-options.ts';
import { stateOf } from './upstream-item.ts';

const command = commandsOf('route');

export const routeCommands: readonly Command[] = [
  command('add', 'NAME', 'add a route, behind the others unless its place is given', add, [
    ...routeOptions,
    ...placeOptions,
  ]),
  command('list', '', 'list the routes in the order in which they are asked', list),
  command('show', 'NAME', 'show a route', show),
  command('set', 'NAME', 'change what a route takes, and where it goes', set, routeOptions),
  command('move', 'NAME', 'give a route another place', move, [
    ...placeOptions,
    { flags: '--last', means: 'behind all other routes' },
  ]),
  command(
    'remove',
    'NAME',
    'remove a route; its mail goes by the others, or by the default upstream',
    remove,
  ),
  command('test', '', 'say which route and which upstreams a message would take', test, [
    { flags: '--account NAME', means: 'the account that sends it (default: none, as for reports)' },
    { flags: '--sender ADDR', means: 'its envelope sender (default: <>)' },
    { flags: '--recipient ADDR', means: 'one of its recipients' },
    { flags: '--size SIZE', means: 'its size, such as 12M (default: 10K)' },
  ]),
];

async function add(call: Call, store: CommandStore): Promise<Result> {
  const changes = routeChangesOf(call);
  if ('kind' in changes) return changes;
  if (changes.upstreams === undefined) return misused('--upstream is missing: say where the mail goes.');
  const place = placeOf(call);
  if (place !== null && place.kind !== 'first' && place.kind !== 'before') return place;
  return changed(await store.routes.add(call.arguments[0] ?? '', changes, place), 'is added', store);
}

async function set(call: Call, store: CommandStore): Promise<Result> {
  const changes = routeChangesOf(call);
  if ('kind' in changes) return changes;
  if (Object.keys(changes).length === 0) {
    return misused('There is nothing to change: give at least one option, for example --upstream NAME.');
  }
  return changed(await store.routes.set(call.arguments[0] ?? '', changes), 'is changed', store);
}

async function move(call: Call, store: CommandStore): Promise<Result> {
  const place = placeOf(call);
  if (place !== null && place.kind !== 'first' && place.kind !== 'before') return place;
  if (call.has('last') ? place !== null : place === null) {
    return misused('Give one of --first, --last and --before NAME.');
  }
  return changed(await store.routes.move(call.arguments[0] ?? '', place), 'is moved', store);
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const result = await store.routes.remove(call.arguments[0] ?? '');
  if (result.kind === 'refused') return failed(result.text);
  return done(`Route ${result.route.name} is removed.`, routeItem(result.route, store));
}

function changed(result: RouteChange, came: string, store: CommandStore): Result {
  if (result.kind === 'refused') return failed(result.text);
  const { route } = result;
  const text = `Route ${route.name} ${came}: ${conditionsText(route)} → ${upstreamsText(route, store)}.`;
  return done(text, routeItem(route, store), { warnings: changeWarnings(route, store) });
}

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const routes = store.routes.list();
  const rows = routes.map((route, index) => [
    String(index + 1),
    route.name,
    conditionsText(route),
    upstreamsText(route, store),
  ]);
  const fallback = store.upstreams.list().find(upstream => upstream.isDefault)?.name ?? 'no upstream';
  const last = ['-', '(default)', routes.length === 0 ? 'everything' : 'everything else', fallback];
  const text = table(['#', 'NAME', 'TAKES', 'UPSTREAMS'], [...rows, last], '');
  const items = routes.map(route => routeItem(route, store));
  return done(text, items, { warnings: routeWarnings(routes, store) });
}

async function show(call: Call, store: CommandStore): Promise<Result> {
  const name = call.arguments[0] ?? '';
  const route = store.routes.find(name);
  if (route === null) return failed(unknownText(name, store.routes.list()));
  const place = store.routes.list().indexOf(route) + 1;
  const text = facts([
    ['Route', route.name],
    ['Number', `${place} of ${store.routes.list().length}`],
    ['Takes', conditionsText(route)],
    ['Upstreams', upstreamsText(route, store)],
  ]);
  return done(text, routeItem(route, store), { warnings: routeWarnings([route], store) });
}

async function test(call: Call, store: CommandStore): Promise<Result> {
  const message = messageOf(call, store);
  if ('kind' in message) return message;
  const routes = store.routes.list();
  // A local recipient is routed by the address that its mail really goes to.
  const rule = store.recipients.ruleFor(message.forwardPath);
  const forwardPath = rule?.forwardPath ?? message.forwardPath;
  const id = routeOf(routes, { ...message, forwardPath });
  const route = routes.find(one => one.id === id) ?? null;
  const all = store.upstreams.list();
  const ids = resolveRoutes(routes, all).get(id) ?? [];
  const upstreams = ids.flatMap(one => all.filter(upstream => upstream.id === one));
  const states = upstreams.map(upstream => `${upstream.name} (${stateOf(upstream)})`);
  const data = {
    recipient: forwardPath,
    route: id === DEFAULT_ROUTE ? null : (route?.name ?? null),
    upstreams: upstreams.map(upstream => ({ name: upstream.name, state: stateOf(upstream) })),
  };
  const which =
    route === null
      ? 'No route fits: the default upstream takes it.'
      : `Route ${route.name} takes it (${conditionsText(route)}).`;
  const where =
    states.length === 0
      ? 'There is no upstream for it: it would wait.'
      : `It goes to ${states.join(', and if that one cannot take it, to ')}.`;
  const mapped = rule === null ? [] : [`${message.forwardPath} is local: its mail goes to ${forwardPath}.`];
  const warnings = route === null ? [] : routeWarnings([route], store);
  return done([...mapped, which, where].join('\n'), data, { warnings });
}

/** What `route test` asks about, or why an option cannot be used. */
function messageOf(call: Call, store: CommandStore) {
  const [account, sender, recipient] = [call.value('account'), call.value('sender'), call.value('recipient')];
  if (recipient === null) return misused('--recipient is missing: say to whom the message goes.');
  const size = parseSize(call.value('size')?.trim() ?? '10K');
  if (size === null) return misused(`--size takes a size such as 500K or 10M, not "${call.value('size')}".`);
  const known = account === null ? null : store.accounts.show(account);
  if (account !== null && known === null) {
    return failed(`There is no account named "${account}": "postern account list" shows them all.`);
  }
  const addresses: string[] = [];
  for (const address of [sender ?? '<>', recipient]) {
    const path = parsePath(address.replace(/^<(.*)>$/, '$1'), store.hostname);
    if ('kind' in path && address !== '<>') return misused(`"${address}" is no address. ${path.text}.`);
    addresses.push('kind' in path ? '' : path.text);
  }
  const [reversePath = '', forwardPath = ''] = addresses;
  // Accounts are told apart by their own name, whichever of their aliases was typed.
  const name = known === null ? null : canonicalName(known.account.name);
  return { account: name, reversePath, forwardPath, size };
}
