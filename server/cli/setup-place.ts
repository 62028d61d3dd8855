// The questions of `postern setup` about where mail goes out: which provider, which of its servers, as which user.

import type { Preset } from '../relay/preset.ts';
import { presets } from '../relay/preset-table.ts';
import { urlFromPreset } from '../relay/preset-url.ts';
import { presetByKey } from '../relay/presets.ts';
import { parseUpstreamUrl, type UpstreamAddress } from '../relay/upstream-url.ts';
import type { Choice } from './prompts.ts';
import { addressProblem, type SetupParts } from './setup-parts.ts';

export type SetupPlace = Readonly<{
  url: string;
  address: UpstreamAddress;
  /** Null: a server that no preset knows. */
  preset: Preset | null;
  /** Null: the host says it, or there is none. */
  region: string | null;
}>;

const OWN = '';
const KINDS = { mailbox: 'mailbox', service: 'service for sending', api: 'sending API' } as const;

/** `before`: what was said before, to be changed. */
export async function askPlace(parts: SetupParts, before: SetupPlace | null): Promise<SetupPlace | null> {
  const { prompts } = parts;
  const key = await prompts.search({
    message: 'Through which provider does your mail go out?',
    choices: [{ value: OWN, label: 'one that is not in this list' }, ...presets.map(presetChoice)],
    ...(before === null ? {} : { initial: before.preset?.key ?? OWN }),
  });
  if (key === null) return null;
  const preset = presetByKey(key);
  if (preset === null) return askUrl(parts, before);
  prompts.tell(aboutPreset(preset));
  return askPresetPlace(parts, preset, before?.preset === preset ? before.address : null);
}

function presetChoice({ key, provider, kind, host }: Preset): Choice<string> {
  const words = [KINDS[kind], ...(host === null ? [] : [host])];
  return { value: key, label: provider, hint: words.join(', ') };
}

/** What to know before one types anything. */
export function aboutPreset({ provider, secret, oauth, senderRule, hints, documentation }: Preset): string {
  const takes = [
    ...(oauth === null ? [] : ['OAuth2']),
    ...(secret === null ? [] : [secret.replace(/, or its secret access key with --iam-secret-prompt.*/, '')]),
  ];
  return [`${provider} takes ${takes.join(', or ')}.`, senderRule, ...hints, `See ${documentation}`].join(
    '\n',
  );
}

/** Until it is one that can be used. */
async function askUrl({ prompts }: SetupParts, before: SetupPlace | null): Promise<SetupPlace | null> {
  const url = await prompts.line({
    message: 'Its address (smtps:// for port 465, smtp+starttls:// 587)',
    example: 'smtp+starttls://you@example.com@smtp.example.com',
    ...(before === null ? {} : { initial: before.url }),
    check: typed => {
      const parsed = parseUpstreamUrl(typed);
      return parsed.kind === 'refused' ? parsed.text : null;
    },
  });
  const parsed = url === null ? null : parseUpstreamUrl(url);
  if (url === null || parsed?.kind !== 'parsed') return null;
  return { url, address: parsed.address, preset: null, region: null };
}

async function askPresetPlace(
  parts: SetupParts,
  preset: Preset,
  before: UpstreamAddress | null,
): Promise<SetupPlace | null> {
  const region = preset.regions.length === 0 ? '' : await askRegion(parts, preset);
  if (region === null) return null;
  const host = preset.host === null ? await askHost(parts, before) : '';
  if (host === null) return null;
  const user = await askUser(parts, preset, before);
  if (user === null) return null;
  const made = urlFromPreset(preset, { region: region || null, host: host || null, user: user || null });
  const parsed = made.kind === 'refused' ? made : parseUpstreamUrl(made.url);
  if (made.kind !== 'refused' && parsed.kind === 'parsed') {
    return { url: made.url, address: parsed.address, preset, region: null };
  }
  parts.prompts.tell(parsed.kind === 'refused' ? parsed.text : '', 'bad');
  return askPresetPlace(parts, preset, before);
}

function askRegion({ prompts }: SetupParts, { regions }: Preset): Promise<string | null> {
  return prompts.search({
    message: 'In which region?',
    choices: regions.map(value => ({ value, label: value })),
  });
}

function askHost({ prompts }: SetupParts, before: UpstreamAddress | null): Promise<string | null> {
  return prompts.line({
    message: 'Its host name or address',
    example: 'smtp.example.com',
    ...(before === null ? {} : { initial: before.host }),
    check: typed =>
      typed === '' ? 'Each customer has a server of their own here: what is yours called?' : null,
  });
}

/** Empty: there is none. */
async function askUser(
  { prompts }: SetupParts,
  { userName }: Preset,
  before: UpstreamAddress | null,
): Promise<string | null> {
  const initial = before === null || before.user === null ? {} : { initial: before.user };
  switch (userName.kind) {
    case 'none':
      return '';
    case 'literal':
      return userName.value;
    case 'address':
      return prompts.line({
        message: `The address of your mailbox${userName.optional ? '; empty: without a login' : ''}`,
        example: 'you@example.com',
        ...initial,
        check: typed => (typed === '' && userName.optional ? null : addressProblem(typed)),
      });
    case 'local-part': {
      const address = await prompts.line({
        message: 'The address of your mailbox',
        example: 'you@example.com',
        check: addressProblem,
      });
      return address === null ? null : address.slice(0, address.lastIndexOf('@'));
    }
    case 'other':
      prompts.tell(`The user name is ${userName.what}.`);
      return prompts.line({
        message: 'User name',
        ...initial,
        check: typed => (typed === '' ? 'It needs a user name.' : null),
      });
    default:
      return userName satisfies never;
  }
}
