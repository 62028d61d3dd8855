// `postern upstream presets`: which providers Postern knows, and what it knows of one of them.

import type { Preset } from '../relay/preset.ts';
import { adviceOf } from '../relay/preset-advice.ts';
import { presets } from '../relay/preset-table.ts';
import { userNameText } from '../relay/preset-url.ts';
import { presetByKey } from '../relay/presets.ts';
import { type Call, type Command, done, failed, type Result } from './command.ts';
import { facts, shownSize, table } from './output.ts';

export const presetsCommand: Command = {
  name: 'upstream presets',
  argument: '[KEY]',
  means: 'list the providers that Postern knows, or what it knows of one',
  options: [],
  printsData: true,
  needs: 'nothing',
  run: show,
};

async function show(call: Call): Promise<Result> {
  const [key] = call.arguments;
  if (key === undefined) return done(list(), presets.map(itemOf));
  const preset = presetByKey(key);
  if (preset === null)
    return failed(`There is no preset "${key}": "postern upstream presets" lists them all.`);
  return done(facts(presetFacts(preset)), itemOf(preset));
}

function list(): string {
  const rows = presets.map(preset => [
    preset.key,
    preset.provider,
    KINDS[preset.kind],
    loginText(preset),
    placeText(preset),
  ]);
  return table(['KEY', 'PROVIDER', 'KIND', 'LOGIN', 'HOST'], rows, '');
}

const KINDS: Readonly<Record<Preset['kind'], string>> = {
  mailbox: 'mailbox',
  service: 'service',
  api: 'sending API',
};

/** How one logs in there, in a word or two. */
export function loginText({ kind, secret, oauth }: Preset): string {
  const word = kind === 'api' ? 'key' : 'password';
  if (secret === null) return 'OAuth2';
  return oauth === null ? word : `${word}, OAuth2`;
}

/** `smtp.example.com:587`, or `HOST:1025` where everybody has a host of their own. */
export function placeText({ host, port }: Preset): string {
  return `${host ?? 'HOST'}:${port}`;
}

/** What must be given: `--preset ses --user USER --region REGION`. */
export function optionsText({ key, userName, regions, host, secret }: Preset): string {
  return [
    `--preset ${key}`,
    ...(['literal', 'none'].includes(userName.kind) ? [] : ['--user USER']),
    ...(regions.length === 0 ? [] : ['--region REGION']),
    ...(host === null ? ['--host HOST'] : []),
    ...(secret === null ? ['--oauth-client-id ID'] : []),
  ].join(' ');
}

function presetFacts(preset: Preset): readonly (readonly [string, string])[] {
  const { key, provider, scheme, regions, messageSize, documentation } = preset;
  return [
    ['Preset', key],
    ['Provider', provider],
    ['Kind', KINDS[preset.kind]],
    ['Login', loginText(preset)],
    ['URL', `${scheme}://${placeText(preset)}`],
    ...(regions.length === 0 ? [] : [['Regions', regions.join(', ')] as const]),
    ...(messageSize === null ? [] : [['Largest message', shownSize(messageSize)] as const]),
    ['User name', userNameText(preset)],
    ...adviceOf(preset).map(sentence => ['Note', sentence] as const),
    ['Documentation', documentation],
    ['Add it', `postern upstream add NAME ${optionsText(preset)}`],
  ];
}

function itemOf(preset: Preset): object {
  const { userName } = preset;
  return {
    key: preset.key,
    provider: preset.provider,
    kind: preset.kind,
    scheme: preset.scheme,
    host: preset.host,
    port: preset.port,
    regions: preset.regions,
    user_name: userName.kind,
    ...(userName.kind === 'literal' ? { user: userName.value } : {}),
    password: preset.secret,
    oauth: preset.oauth,
    connections: preset.connections,
    per_connection: preset.pacing.messagesPerConnection ?? null,
    per_minute: preset.pacing.messagesPerMinute ?? null,
    per_hour: preset.pacing.messagesPerHour ?? null,
    per_day: preset.pacing.messagesPerDay ?? null,
    max_size: preset.messageSize,
    sender_rule: preset.senderRule,
    hints: preset.hints,
    documentation: preset.documentation,
  };
}
