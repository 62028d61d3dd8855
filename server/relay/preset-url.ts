// The URL of an upstream, made from a preset and the little that only the operator can know. Pure.

import type { Preset, UserName } from './preset.ts';

/** Null: not given. */
export type PresetWishes = Readonly<{
  user: string | null;
  region: string | null;
  /** HOST or HOST:PORT, in place of the preset's. */
  host: string | null;
}>;

type Refused = Readonly<{ kind: 'refused'; text: string }>;

export function urlFromPreset(
  preset: Preset,
  wishes: PresetWishes,
): Readonly<{ kind: 'url'; url: string }> | Refused {
  const user = userFor(preset, wishes.user?.trim() ?? '');
  if (typeof user === 'object' && user !== null) return user;
  const host = presetHost(preset, wishes);
  if (typeof host === 'object') return host;
  // A user name is mostly an address: its @ stands as it is (upstream-url.ts).
  const before = user === null ? '' : `${user.replace(/[%:]/g, encodeURIComponent)}@`;
  return { kind: 'url', url: `${preset.scheme}://${before}${withPort(host, preset.port)}` };
}

/** What `--user` is there, as a sentence. */
export function userNameText({ userName }: Pick<Preset, 'userName'>): string {
  switch (userName.kind) {
    case 'address':
      return `The user name is the whole e-mail address${userName.optional ? ', or there is none' : ''}.`;
    case 'local-part':
      return 'The user name is what stands before the @ of the e-mail address.';
    case 'literal':
      return `The user name is always ${userName.value}.`;
    case 'other':
      return `The user name is ${userName.what}.`;
    case 'none':
      return 'There is no user name.';
    default:
      return userName satisfies never;
  }
}

/** Null: it needs none. */
function userFor(preset: Preset, given: string): string | null | Refused {
  const { userName } = preset;
  const says = userNameText(preset);
  if (userName.kind === 'literal') {
    return given === '' || given === userName.value ? userName.value : refused(`${says} Leave --user away.`);
  }
  if (userName.kind === 'none') {
    return given === '' ? null : refused(`${preset.provider} knows no user name: leave --user away.`);
  }
  if (given === '') return mayLack(userName) ? null : refused(`--user is missing. ${says}`);
  if (userName.kind === 'local-part') return given.split('@')[0] ?? given;
  return userName.kind === 'address' && !/.@./.test(given)
    ? refused(`"${given}" is no e-mail address. ${says}`)
    : given;
}

function mayLack(userName: UserName): boolean {
  return userName.kind === 'address' && userName.optional === true;
}

/** HOST or HOST:PORT. */
export function presetHost(
  preset: Preset,
  { host, region }: Pick<PresetWishes, 'host' | 'region'>,
): string | Refused {
  if (host !== null) return host.trim();
  if (preset.host === null) {
    return refused(`--host is missing: with ${preset.provider} everybody has a host of their own.`);
  }
  if (!preset.host.includes('{region}')) {
    return region === null ? preset.host : refused(`${preset.provider} has no regions: leave --region away.`);
  }
  const known = `${preset.regions.join(', ')}`;
  if (region === null) return refused(`--region is missing. ${preset.provider} has these: ${known}.`);
  const named = hostIn(preset, region.trim().toLowerCase());
  return preset.hosts.test(named)
    ? named
    : refused(`${preset.provider} has no region "${region}", but these: ${known}.`);
}

function hostIn({ host, regionHosts }: Preset, region: string): string {
  return regionHosts[region] ?? host?.replace('{region}', region) ?? '';
}

/** `host` may have a port of its own. */
export function withPort(host: string, port: number): string {
  if (/^[^:[]*:\d+$|\]:\d+$/.test(host)) return host;
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

function refused(text: string): Refused {
  return { kind: 'refused', text };
}
