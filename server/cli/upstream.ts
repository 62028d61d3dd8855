// `postern upstream …`: the smart hosts and sending APIs that take our mail. Adding and changing is in upstream-change.ts,
// authorising in upstream-authorize.ts.

import type { Consent } from '../relay/oauth/authorizer.ts';
import { needsConsent } from '../relay/oauth/oauth-settings.ts';
import { type Upstream, upstreamUrl } from '../relay/upstream.ts';
import type { UpstreamChange } from '../relay/upstreams.ts';
import { type Call, type Command, commandsOf, done, failed, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts, table } from './output.ts';
import { routeWarnings } from './route-item.ts';
import { addCommand, setCommand, unknownUpstream } from './upstream-change.ts';
import { itemOf, paceItem, stateWith, upstreamFacts } from './upstream-item.ts';
import { consentItem, loginWord } from './upstream-login-facts.ts';
import { presetsCommand } from './upstream-presets.ts';
import { testCommand } from './upstream-test.ts';

const command = commandsOf('upstream');

export const upstreamCommands: readonly Command[] = [
  addCommand,
  presetsCommand,
  command('list', '', 'list the upstreams', list),
  command('show', 'NAME', 'show an upstream and what is wrong with it', show),
  setCommand,
  testCommand,
  command('pause', 'NAME', 'send nothing there until it is resumed; mail waits', (call, store) =>
    change(call, store.upstreams.pause, 'is paused: its mail waits'),
  ),
  command('resume', 'NAME', 'send again, and try at once after a fault', (call, store) =>
    change(call, store.upstreams.resume, 'is tried again now'),
  ),
  command('remove', 'NAME', 'remove it; its mail waits for another upstream', remove),
];

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const upstreams = store.upstreams.list();
  const rows = await Promise.all(
    upstreams.map(async upstream => [
      upstream.name,
      upstream.isDefault ? 'yes' : '',
      stateWith(upstream, await consentOf(upstream, store)),
      loginWord(upstream),
      upstreamUrl(upstream),
    ]),
  );
  return done(
    table(
      ['NAME', 'DEFAULT', 'STATE', 'LOGIN', 'URL'],
      rows,
      'There is no upstream yet: "postern upstream add" adds one.',
    ),
    upstreams.map(itemOf),
  );
}

async function show(call: Call, store: CommandStore): Promise<Result> {
  const upstream = store.upstreams.find(call.arguments[0] ?? '');
  if (upstream === null) return unknownUpstream(call.arguments[0] ?? '');
  const [pace, consent] = await Promise.all([store.paceOf(upstream), consentOf(upstream, store)]);
  const now = store.clock.now();
  const text = facts(upstreamFacts(upstream, { hostname: store.hostname, pace, consent, now }));
  return done(text, {
    ...itemOf(upstream),
    consent: consentItem(consent),
    pace: paceItem(upstream, pace, now),
  });
}

/** Null: nobody has consented, or nobody need. */
async function consentOf(upstream: Upstream, { authorizer }: CommandStore): Promise<Consent | null> {
  return upstream.oauth !== null && needsConsent(upstream.oauth) ? authorizer.consentOf(upstream) : null;
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const result = await store.upstreams.remove(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  const { name } = result.upstream;
  const text = `Upstream ${name} is removed.`;
  return done(text, itemOf(result.upstream), { warnings: routesNaming(name, store) });
}

/** Routes keep the name: an upstream that is added under it later takes their mail again. */
function routesNaming(upstream: string, store: CommandStore): readonly string[] {
  const routes = store.routes.list().filter(route => route.upstreams.includes(upstream));
  return routeWarnings(routes, store);
}

async function change(
  call: Call,
  act: (name: string) => Promise<UpstreamChange>,
  came: string,
): Promise<Result> {
  const result = await act(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  return done(`Upstream ${result.upstream.name} ${came}.`, itemOf(result.upstream));
}
