// `postern upstream add` and `postern upstream set`: where the upstream is, how it is logged in to, what it takes.

import { needsAnotherConsent } from '../relay/oauth/oauth-input.ts';
import { needsConsent } from '../relay/oauth/oauth-settings.ts';
import { warningsFor } from '../relay/preset-advice.ts';
import { presetOf } from '../relay/presets.ts';
import type { Upstream } from '../relay/upstream.ts';
import type { UpstreamChanges, UpstreamOptions } from '../relay/upstream-input.ts';
import {
  type Call,
  type Command,
  commandsOf,
  done,
  failed,
  misused,
  type Option,
  type Result,
} from './command.ts';
import type { CommandStore } from './command-store.ts';
import { quoted } from './output.ts';
import { itemOf, presetText } from './upstream-item.ts';
import { type Login, type LoginPlace, loginFor, loginOptions } from './upstream-login.ts';
import { type Place, placeOf, placeOptions } from './upstream-place.ts';
import { settingOptions, settingsOf } from './upstream-settings.ts';

const command = commandsOf('upstream');

export const addCommand: Command = command(
  'add',
  'NAME',
  'add an upstream; the first one is the default',
  add,
  [...placeOptions, ...loginOptions, ...settingOptions],
);

const setOptions: readonly Option[] = [
  { flags: '--default', means: 'send by this one from now on' },
  ...placeOptions,
  ...loginOptions,
  ...settingOptions,
];

export const setCommand: Command = command(
  'set',
  'NAME',
  "change an upstream; '' takes a CA file or EHLO name away",
  set,
  setOptions,
);

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  // Before anybody is asked for a password: a URL that cannot be used, or has the password in it.
  const place = placeOf(call, null);
  if (place === null) {
    return misused(
      '--url is missing, or --preset: give for example --url smtp+starttls://USER@HOST:587, or --preset with one of "postern upstream presets".',
    );
  }
  if ('kind' in place) return place;
  const settings = settingsOf(call);
  if ('kind' in settings) return settings;
  const login = await loginFor(call, { name, ...place, before: null, moved: true });
  if ('kind' in login) return login;
  const { url, preset } = place;
  const result = await store.upstreams.add({ name, url, preset, ...withLogin(place, login), ...settings });
  if (result.kind !== 'done') return failed(result.text);
  const { upstream } = result;
  const role = upstream.isDefault ? ' and is the default' : '';
  const lines = [`Upstream ${upstream.name} is added${role}. ${nextStep(upstream)}`, ...presetText(upstream)];
  return done(lines.join('\n'), itemOf(upstream), { warnings: warnings(upstream, store) });
}

async function set(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  if (!setOptions.some(option => isGiven(call, option))) {
    return misused('There is nothing to change: give at least one option, for example --default.');
  }
  const before = store.upstreams.find(name);
  if (before === null) return unknownUpstream(name);
  const place = placeOf(call, before);
  if (place !== null && 'kind' in place) return place;
  const settings = settingsOf(call);
  if ('kind' in settings) return settings;
  const login = await loginFor(call, loginPlace(call, before, place));
  if ('kind' in login) return login;
  const result = await store.upstreams.set(name, {
    ...settings,
    ...(place === null ? loginOnly(call, login) : placeChanges(place, login)),
    ...(call.has('default') ? { makeDefault: true } : {}),
  });
  if (result.kind !== 'done') return failed(result.text);
  const { upstream } = result;
  return done(changedText(before, upstream), itemOf(upstream), { warnings: warnings(upstream, store) });
}

function changedText(before: Upstream, after: Upstream): string {
  const again = needsAnotherConsent(before, after) || needsFirstConsent(before, after);
  return [
    `Upstream ${after.name} is changed.`,
    ...(before.oauth !== null && after.oauth === null ? ['It logs in without OAuth2 from now on.'] : []),
    ...(again && after.oauth !== null ? [nextStep(after)] : []),
  ].join(' ');
}

function isGiven(call: Call, { flags }: Option): boolean {
  const name = /^--([\w-]+)/.exec(flags)?.[1] ?? '';
  return call.has(name) || call.value(name) !== null;
}

export function unknownUpstream(name: string): Result {
  return failed(`There is no upstream named "${name}": "postern upstream list" shows them all.`);
}

function loginPlace(call: Call, before: Upstream, place: Place | null): LoginPlace {
  const { name, preset } = before;
  const given = { name, before, moved: place !== null, region: place?.region ?? call.value('region') };
  return place === null
    ? { ...given, address: before, preset }
    : { ...given, address: place.address, preset: place.preset };
}

function placeChanges(place: Place, login: Login): UpstreamChanges {
  const { url, preset } = place;
  return { url, ...(preset === null ? {} : { preset }), ...withLogin(place, login) };
}

function loginOnly(call: Call, login: Login): UpstreamChanges {
  const region = call.value('region');
  return { ...secretsOf(login), ...(region === null || login.usedRegion ? {} : { region }) };
}

/** A region that made the password is not kept. */
function withLogin({ region }: Place, login: Login): UpstreamOptions & Pick<UpstreamChanges, 'password'> {
  return { ...secretsOf(login), ...(region === null || login.usedRegion ? {} : { region }) };
}

function secretsOf({ password, oauth, clientSecret }: Login) {
  return {
    ...(password === undefined ? {} : { password }),
    ...(oauth === undefined ? {} : { oauth }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
  };
}

function needsFirstConsent(before: Upstream, { oauth }: Upstream): boolean {
  return oauth !== null && needsConsent(oauth) && (before.oauth === null || !needsConsent(before.oauth));
}

function nextStep({ name, oauth }: Upstream): string {
  return oauth !== null && needsConsent(oauth)
    ? `Now agree that Postern sends by it: postern upstream authorize ${quoted(name)}`
    : `Try it: postern upstream test ${quoted(name)}`;
}

function warnings(upstream: Upstream, { hostname }: CommandStore): readonly string[] {
  const preset = presetOf(upstream);
  return preset === null ? [] : warningsFor(upstream, preset, hostname);
}
