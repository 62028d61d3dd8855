// Where an upstream is, from the options of `upstream add` and `upstream set`: a URL, or a preset and what only the operator
// can know.

import { urlFromPreset } from '../relay/preset-url.ts';
import { presetByKey } from '../relay/presets.ts';
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

/** Null: the options say nothing about it. */
export function placeOf(call: Call, before: Upstream | null): Place | Result | null {
  const [url, key] = [call.value('url')?.trim() ?? null, call.value('preset')];
  if (url !== null && key !== null) return misused('Give either --url or --preset.');
  const given = { user: call.value('user'), region: call.value('region'), host: call.value('host') };
  if (key !== null) return presetPlace(call, key, given);
  if (url !== null && (given.user !== null || given.host !== null)) {
    return misused('--user and --host belong to --preset: write both into the URL.');
  }
  if (url !== null) return place(call, url, { preset: null, region: given.region });
  if (before === null || (given.user === null && given.host === null)) return null;
  // Only the user or the host is another one.
  const changed = { ...before, user: given.user ?? before.user, host: given.host ?? before.host };
  return place(call, upstreamUrl(changed), { preset: null, region: given.region });
}

function presetPlace(
  call: Call,
  key: string,
  given: Readonly<{ user: string | null; region: string | null; host: string | null }>,
): Place | Result {
  const preset = presetByKey(key);
  if (preset === null) {
    return failed(`There is no preset "${key}": "postern upstream presets" lists them all.`);
  }
  const made = urlFromPreset(preset, given);
  if (made.kind === 'refused') return misused(made.text);
  const isElsewhere = given.host !== null && ['ses', 'ses-api'].includes(preset.key);
  return place(call, made.url, { preset: preset.key, region: isElsewhere ? given.region : null });
}

function place(
  call: Call,
  url: string,
  { preset, region }: Pick<Place, 'preset' | 'region'>,
): Place | Result {
  const parsed = parseUpstreamUrl(url, { allowPlaintext: call.has('allow-plaintext') });
  if (parsed.kind === 'refused') return failed(parsed.text);
  return { url, address: parsed.address, preset, region };
}
