// Where a declared upstream is: its URL, or what becomes of a preset and the little that only the operator can know. Pure.

import type { Path } from '../config/input-tree.ts';
import { nearest } from '../config/nearest.ts';
import { presets } from '../relay/preset-table.ts';
import { urlFromPreset } from '../relay/preset-url.ts';
import { presetByKey } from '../relay/presets.ts';
import { apiOf } from '../relay/upstream-scheme.ts';
import { parseUpstreamUrl, type UpstreamAddress } from '../relay/upstream-url.ts';
import { inKeys } from './change.ts';
import type { DeclaredUpstream } from './upstream-keys.ts';

/** `path`: below the upstream. */
export type KeyProblem = Readonly<{ path: Path; text: string }>;

export type Place = Readonly<{
  kind: 'place';
  url: string;
  address: UpstreamAddress;
  preset: string | null;
  /** Of Amazon, where the host does not say it. */
  region: string | null;
}>;

export function placeOf(
  declared: DeclaredUpstream,
): Place | Readonly<{ kind: 'nowhere'; problems: readonly KeyProblem[] }> {
  const { url, preset: key, user, host, region = null } = declared;
  const nowhere = (path: string, text: string) =>
    ({ kind: 'nowhere', problems: [{ path: [path], text: inKeys(text) }] }) as const;
  const preset = key === undefined ? null : presetByKey(key);
  if (key !== undefined && preset === null) return nowhere('preset', unknownPreset(key));
  if (url !== undefined) {
    const stray = user !== undefined ? 'user' : host !== undefined ? 'host' : null;
    if (stray !== null) return nowhere(stray, 'belongs to a preset without a url; write it into the url');
    const parsed = parseUpstreamUrl(url, { allowPlaintext: declared.allow_plaintext === true });
    if (parsed.kind === 'refused') return nowhere('url', parsed.text);
    return { kind: 'place', url, address: parsed.address, preset: preset?.key ?? null, region };
  }
  if (preset === null) {
    return nowhere('url', 'is missing; give a URL such as smtp+starttls://USER@HOST:PORT, or preset');
  }
  const made = urlFromPreset(preset, { user: user ?? null, region, host: host ?? null });
  if (made.kind === 'refused') return nowhere('preset', made.text);
  const parsed = parseUpstreamUrl(made.url, { allowPlaintext: declared.allow_plaintext === true });
  if (parsed.kind === 'refused') return nowhere('preset', parsed.text);
  const isElsewhere = host !== undefined && apiOf(preset.scheme) === 'ses';
  const { address } = parsed;
  return { kind: 'place', url: made.url, address, preset: preset.key, region: isElsewhere ? region : null };
}

function unknownPreset(key: string): string {
  const meant = nearest(
    key,
    presets.map(preset => preset.key),
  );
  const advice = meant === null ? '"postern upstream presets" lists them all' : `did you mean ${meant}?`;
  return `there is no preset "${key}"; ${advice}`;
}
