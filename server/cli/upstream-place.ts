// Where an upstream is, from the options of `upstream add` and `upstream set`: a URL, or a preset and what only the operator
// can know.

import type { Preset } from '../relay/preset.ts';
import { presetHost, urlFromPreset, withPort } from '../relay/preset-url.ts';
import { presetByKey, presetOf } from '../relay/presets.ts';
import { type Upstream, upstreamUrl } from '../relay/upstream.ts';
import { parseUpstreamUrl, type UpstreamAddress } from '../relay/upstream-url.ts';
import { type Call, failed, misused, type Option, type Result } from './command.ts';

export const placeOptions: readonly Option[] = [
  {
    flags: '--url URL',
    means:
      'smtp+starttls://USER@HOST:PORT, smtps://…, smtp+notls://… (loopback), or of a sending API graph+https://USER@HOST, gmail+https, ses+https, mailgun+https, smtp2go+https, sparkpost+https',
  },
  {
    flags: '--preset KEY',
    means: 'instead of a URL: a provider from "postern upstream presets"',
  },
  { flags: '--user USER', means: 'the user name there, with --preset' },
  { flags: '--region REGION', means: 'the region, where the preset has any; also of Amazon SES with --url' },
  { flags: '--host HOST', means: 'instead of the host of the preset' },
];

export type Place = Readonly<{
  url: string;
  address: UpstreamAddress;
  /** Null: none was named. */
  preset: string | null;
  /** Of Amazon, where the host does not say it. */
  region: string | null;
}>;

type Given = Readonly<{ user: string | null; region: string | null; host: string | null }>;

/** Null: the options say nothing about it. */
export function placeOf(call: Call, before: Upstream | null): Place | Result | null {
  const [url, key] = [call.value('url')?.trim() ?? null, call.value('preset')];
  if (url !== null && key !== null) return misused('Give either --url or --preset.');
  const given = { user: call.value('user'), region: call.value('region'), host: call.value('host') };
  if (key !== null) return presetPlace(call, key, given);
  if (url !== null && (given.user !== null || given.host !== null)) {
    return misused('--user and --host belong to --preset: write both into the URL.');
  }
  if (url !== null) return placeFrom(call, url, { preset: null, region: given.region });
  return before === null ? null : changedPlace(call, before, given);
}

/** Only the user, the host or its region is another one. */
function changedPlace(
  call: Call,
  before: Upstream,
  { user, region, host: named }: Given,
): Place | Result | null {
  const regional = named === null && region !== null ? regionalPreset(before) : null;
  const host = regional === null ? named : presetHost(regional, { host: null, region });
  if (host !== null && typeof host === 'object') return misused(host.text);
  if (user === null && host === null) return null;
  const changed = { ...before, user: user ?? before.user };
  const url = host === null ? upstreamUrl(changed) : urlAtHost(changed, host.trim());
  return placeFrom(call, url, { preset: null, region: regional === null ? region : null });
}

/** The preset whose regions are in the upstream's host name; null: no region can be told from it. */
function regionalPreset(upstream: Upstream): Preset | null {
  const preset = presetOf(upstream);
  return preset !== null && preset.regions.length > 0 && preset.hosts.test(upstream.host) ? preset : null;
}

function presetPlace(call: Call, key: string, given: Given): Place | Result {
  const preset = presetByKey(key);
  if (preset === null) {
    return failed(`There is no preset "${key}": "postern upstream presets" lists them all.`);
  }
  const made = urlFromPreset(preset, given);
  if (made.kind === 'refused') return misused(made.text);
  const isElsewhere = given.host !== null && ['ses', 'ses-api'].includes(preset.key);
  return placeFrom(call, made.url, { preset: preset.key, region: isElsewhere ? given.region : null });
}

/** `host`: HOST or HOST:PORT. */
function urlAtHost({ scheme, user, port, path }: Upstream, host: string): string {
  const before = user === null ? '' : `${user.replace(/[%:]/g, encodeURIComponent)}@`;
  return `${scheme}://${before}${withPort(host, port)}${path ?? ''}`;
}

function placeFrom(
  call: Call,
  url: string,
  { preset, region }: Pick<Place, 'preset' | 'region'>,
): Place | Result {
  const parsed = parseUpstreamUrl(url, { allowPlaintext: call.has('allow-plaintext') });
  if (parsed.kind === 'refused') return failed(parsed.text);
  return { url, address: parsed.address, preset, region };
}
