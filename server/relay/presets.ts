// Which preset an upstream belongs to: the one that it was added with, else the one that knows its host. From it come the
// values that a new upstream gets where the operator gives none. They are limits that the provider states or that are seen
// reliably, and of several (by plan, by age of the account) the most generous: whoever has less is told so by the
// provider's replies, and the pace follows them (pacing.ts). Pure.

import type { Preset } from './preset.ts';
import { presets } from './preset-table.ts';
import { KEEP_IDENTITY, NO_PACING, type Upstream } from './upstream.ts';
import { apiOf, type UpstreamScheme } from './upstream-scheme.ts';

/** Null: there is none of that name. */
export function presetByKey(key: string): Preset | null {
  const wanted = key.trim().toLowerCase();
  return presets.find(preset => preset.key === wanted) ?? null;
}

export type PresetPlace = Pick<Upstream, 'preset' | 'host'> & Readonly<{ scheme: UpstreamScheme }>;

/**
 * The preset of an upstream, or null. A sending API that answers under another host (a stand-in, a private cloud) is of the
 * provider that its scheme names.
 */
export function presetOf({ preset, host, scheme }: PresetPlace): Preset | null {
  const speaks = (candidate: Preset) => apiOf(candidate.scheme) === apiOf(scheme);
  const named = preset === null ? null : presetByKey(preset);
  if (named !== null && speaks(named)) return named;
  const alike = presets.filter(speaks);
  const byHost = alike.find(candidate => knows(candidate, host));
  return byHost ?? (apiOf(scheme) === null ? null : (alike[0] ?? null));
}

/** Whether an upstream that was added with a preset still is of it under another host. */
export function staysWith(key: string | null, host: string): string | null {
  const preset = key === null ? null : presetByKey(key);
  return preset !== null && knows(preset, host) ? preset.key : null;
}

export type Tuning = Pick<Upstream, 'connections' | 'pacing' | 'messageSize' | 'identity'>;

/** Microsoft 365 allows three connections at the same time and answers 432 4.3.2 to more. */
const DEFAULT_CONNECTIONS = 3;

/** What an upstream gets of itself: what is known of its provider. */
export function presetSettings(preset: Preset | null): Tuning {
  return {
    connections: preset?.connections ?? DEFAULT_CONNECTIONS,
    pacing: { ...NO_PACING, ...preset?.pacing },
    messageSize: preset?.messageSize ?? null,
    identity: { ...KEEP_IDENTITY, displayName: preset?.displayName ?? KEEP_IDENTITY.displayName },
  };
}

function knows({ hosts }: Preset, host: string): boolean {
  return hosts.test(host.toLowerCase().replace(/\.$/, ''));
}
