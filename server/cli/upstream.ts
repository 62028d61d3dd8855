// `postern upstream …`: the smart hosts that take our mail.

import { upstreamUrl } from '../relay/upstream.ts';
import type { UpstreamChanges } from '../relay/upstream-input.ts';
import { parseUpstreamUrl } from '../relay/upstream-url.ts';
import type { UpstreamChange } from '../relay/upstreams.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts, quoted, sentence, table } from './output.ts';
import { routeWarnings } from './route-item.ts';
import { askSecret, givenSecret, type Secret, secretOptions } from './secret-input.ts';
import { itemOf, paceItem, presetText, stateOf, upstreamFacts } from './upstream-item.ts';
import { settingOptions, settingsOf } from './upstream-settings.ts';

const urlOption: Option = {
  flags: '--url URL',
  means: 'smtp+starttls://USER@HOST:PORT, smtps://… or smtp+notls://… (loopback)',
};

export const upstreamCommands: readonly Command[] = [
  {
    name: 'upstream add',
    argument: 'NAME',
    means: 'add an upstream; the first one is the default',
    options: [urlOption, ...secretOptions, ...settingOptions],
    printsData: true,
    needs: 'store',
    run: add,
  },
  plain('list', '', 'list the upstreams', list),
  plain('show', 'NAME', 'show an upstream and what is wrong with it', show),
  {
    name: 'upstream set',
    argument: 'NAME',
    means: "change an upstream; '' takes a CA file or EHLO name away",
    options: [
      urlOption,
      { flags: '--default', means: 'send by this one from now on' },
      ...secretOptions,
      ...settingOptions,
    ],
    printsData: true,
    needs: 'store',
    run: set,
  },
  plain('test', 'NAME', 'connect, log in, and say in words what is wrong', test),
  plain('pause', 'NAME', 'send nothing there until it is resumed; mail waits', (call, store) =>
    change(call, store.upstreams.pause, 'is paused: its mail waits'),
  ),
  plain('resume', 'NAME', 'send again, and try at once after a fault', (call, store) =>
    change(call, store.upstreams.resume, 'is tried again now'),
  ),
  plain('remove', 'NAME', 'remove it; its mail waits for another upstream', remove),
];

function plain(
  word: string,
  argument: string,
  means: string,
  run: (call: Call, store: CommandStore) => Promise<Result>,
): Command {
  return { name: `upstream ${word}`, argument, means, options: [], printsData: true, needs: 'store', run };
}

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const url = call.value('url');
  if (url === null) return misused('--url is missing: give for example --url smtp+starttls://USER@HOST:587.');
  const settings = settingsOf(call);
  if ('kind' in settings) return settings;
  // Before anybody is asked for a password: a URL that cannot be used, or has the password in it.
  const parsed = parseUpstreamUrl(url, { allowPlaintext: call.has('allow-plaintext') });
  if (parsed.kind === 'refused') return failed(parsed.text);
  const given = await passwordFor(call, name);
  const secret = given ?? (parsed.address.user === null ? null : await promptFor(call, name));
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const result = await store.upstreams.add({
    name,
    url,
    ...(secret === null ? {} : { password: secret.secret }),
    ...settings,
  });
  if (result.kind !== 'done') return failed(result.text);
  const role = result.upstream.isDefault ? ' and is the default' : '';
  const { upstream } = result;
  const lines = [
    `Upstream ${upstream.name} is added${role}. Try it: postern upstream test ${quoted(upstream.name)}`,
    ...presetText(upstream),
  ];
  return done(lines.join('\n'), itemOf(upstream));
}

async function set(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const settings = settingsOf(call);
  if ('kind' in settings) return settings;
  const secret = await passwordFor(call, name);
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const url = call.value('url');
  const changes: UpstreamChanges = {
    ...settings,
    ...(url === null ? {} : { url }),
    ...(secret === null ? {} : { password: secret.secret }),
    ...(call.has('default') ? { makeDefault: true } : {}),
  };
  if (Object.keys(changes).length === 0) {
    return misused('There is nothing to change: give at least one option, for example --default.');
  }
  return change(call, known => store.upstreams.set(known, changes), 'is changed');
}

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const upstreams = store.upstreams.list();
  const rows = upstreams.map(upstream => [
    upstream.name,
    upstream.isDefault ? 'yes' : '',
    stateOf(upstream),
    upstreamUrl(upstream),
  ]);
  return done(
    table(
      ['NAME', 'DEFAULT', 'STATE', 'URL'],
      rows,
      'There is no upstream yet: "postern upstream add" adds one.',
    ),
    upstreams.map(itemOf),
  );
}

async function show(call: Call, store: CommandStore): Promise<Result> {
  const upstream = store.upstreams.find(call.arguments[0] ?? '');
  if (upstream === null) return unknown(call);
  const pace = await store.paceOf(upstream);
  const text = facts(upstreamFacts(upstream, { hostname: store.hostname, pace, now: store.clock.now() }));
  return done(text, { ...itemOf(upstream), pace: paceItem(upstream, pace, store.clock.now()) });
}

async function test(call: Call, store: CommandStore): Promise<Result> {
  const upstream = store.upstreams.find(call.arguments[0] ?? '');
  if (upstream === null) return unknown(call);
  const { ok, checks } = await store.testUpstream(upstream);
  const failure = checks.find(check => !check.ok);
  const problem = ok
    ? null
    : `Upstream ${upstream.name} does not work: ${sentence(failure?.text ?? 'the test failed')} Put that right, then run postern upstream test ${quoted(upstream.name)} again.`;
  const lines = checks.map(check => `${check.ok ? 'ok    ' : 'FAILED'}  ${check.name}: ${check.text}`);
  const verdict = ok ? 'The upstream works.' : 'The upstream does not work.';
  return done([...lines, verdict].join('\n'), { ok, checks }, { problem });
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

function passwordFor(call: Call, name: string): Promise<Secret | null> {
  return givenSecret(call, { prompt: `Password for ${name}`, twice: false });
}

function promptFor(call: Call, name: string): Promise<Secret> {
  return askSecret(call.terminal, { prompt: `Password for ${name}`, twice: false });
}

function trouble(secret: Exclude<Secret, { kind: 'given' }>): Result {
  return secret.kind === 'failed' ? failed(secret.text) : misused(secret.text);
}

function unknown(call: Call): Result {
  return failed(
    `There is no upstream named "${call.arguments[0] ?? ''}": "postern upstream list" shows them all.`,
  );
}
