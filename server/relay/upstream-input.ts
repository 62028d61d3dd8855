// What the operator gives for an upstream becomes settings, or the sentence that says what is wrong with it. What is not given
// comes from the preset of its provider. Sealing is handed in; nothing is stored here.

import { canonicalSenders } from './identity.ts';
import type { OAuthSettings } from './oauth/oauth-settings.ts';
import { presetByKey, presetOf, presetSettings, staysWith, type Tuning } from './presets.ts';
import type { PacingLimits, SenderIdentity, Upstream } from './upstream.ts';
import { settingsProblem } from './upstream-checks.ts';
import { apiOf, type UpstreamScheme } from './upstream-scheme.ts';
import type { UpstreamSettings } from './upstream-statements.ts';
import { parseUpstreamUrl, type UpstreamAddress } from './upstream-url.ts';

/** What may be set beside URL and password. Only what is present counts; null removes, for a limit it is "none". */
export type UpstreamOptions = Readonly<{
  /** PEM of one or more certificates to trust instead of the public ones. */
  caPem?: string | null;
  ehloName?: string | null;
  /** Deliveries at the same time. */
  connections?: number;
  pacing?: Partial<PacingLimits>;
  /** Octets of the largest message. */
  messageSize?: number | null;
  identity?: Partial<SenderIdentity>;
  /** Lets `smtp+notls` leave this machine. */
  allowPlaintext?: boolean;
  /** Of Amazon; null: as the host name says. */
  region?: string | null;
  /** Null: log in with a password again. */
  oauth?: OAuthSettings | null;
  /** Of the OAuth2 client, or a service account's private key (PEM). */
  clientSecret?: string | null;
  /** The key of the preset that it comes from. */
  preset?: string | null;
}>;

/** `password`: also an API key or a secret access key. */
export type UpstreamInput = UpstreamOptions &
  Readonly<{ name: string; url: string; password?: string | null }>;

export type UpstreamChanges = UpstreamOptions &
  Readonly<{ url?: string; password?: string | null; makeDefault?: boolean }>;

export type SettingsResult =
  | Readonly<{ kind: 'settings'; settings: UpstreamSettings }>
  | Readonly<{ kind: 'refused'; text: string }>;

const PASSWORD_WITHOUT_USER =
  'A password needs a user name: give it in the URL, for example smtp+starttls://USER@HOST, or with --user beside --preset.';
const PASSWORD_AND_OAUTH =
  'The upstream logs in with OAuth2 or with a password, not with both: leave one of them away.';

/** Each for its own column. */
type Seals = Readonly<{
  password: (plain: string) => Uint8Array;
  clientSecret: (plain: string) => Uint8Array;
}>;

/** Null when the name may be used, else the sentence for the operator. */
export function checkName(name: string): string | null {
  if (name.trim() === '') return 'The name of an upstream cannot be empty.';
  if (/\p{Cc}/u.test(name)) return 'The name of an upstream cannot contain control characters.';
  return name.length > 100 ? 'The name of an upstream has at most 100 characters.' : null;
}

export function newSettings(input: UpstreamInput, seals: Seals): SettingsResult {
  const url = parseUpstreamUrl(input.url, { allowPlaintext: input.allowPlaintext === true });
  if (url.kind === 'refused') return url;
  const { address } = url;
  const oauth = input.oauth ?? null;
  const password = input.password ?? null;
  const problem = passwordProblem(address, password, oauth);
  if (problem !== null) return refused(problem);
  const preset = input.preset ?? null;
  if (preset !== null && presetByKey(preset) === null) return refused(unknownPreset(preset));
  return checked({
    ...address,
    region: input.region ?? null,
    oauth,
    sealedPassword: password === null ? null : seals.password(password),
    sealedClientSecret: oauth === null ? null : sealedOrNull(input.clientSecret, seals.clientSecret),
    preset,
    caPem: input.caPem ?? null,
    ehloName: input.ehloName ?? null,
    ...withOptions(presetSettings(presetOf({ ...address, preset })), input),
  });
}

/**
 * Passwords and client secrets are kept when only the URL changes, unless they have no place there any more. A password is
 * given to log in with it, so it ends OAuth2.
 */
export function changedSettings(upstream: Upstream, changes: UpstreamChanges, seals: Seals): SettingsResult {
  const changed = changedAddress(upstream, changes);
  if (changed.kind === 'refused') return changed;
  const { address } = changed;
  const password = changes.password ?? null;
  const oauth = changes.oauth !== undefined ? changes.oauth : password === null ? upstream.oauth : null;
  const problem = passwordProblem(address, password, oauth);
  if (problem !== null) return refused(problem);
  const preset = changes.preset === undefined ? presetAt(upstream, address) : changes.preset;
  if (preset !== null && presetByKey(preset) === null) return refused(unknownPreset(preset));
  const isKept = changes.password === undefined && keepsPassword(upstream, { ...address, preset }, oauth);
  const clientSecret =
    changes.clientSecret === undefined
      ? upstream.sealedClientSecret
      : sealedOrNull(changes.clientSecret, seals.clientSecret);
  return checked({
    ...address,
    region: changes.region === undefined ? regionAt(upstream, address) : changes.region,
    oauth,
    sealedPassword: password === null ? (isKept ? upstream.sealedPassword : null) : seals.password(password),
    sealedClientSecret: oauth === null ? null : clientSecret,
    preset,
    caPem: changes.caPem === undefined ? upstream.caPem : changes.caPem,
    ehloName: changes.ehloName === undefined ? upstream.ehloName : changes.ehloName,
    ...withOptions(movedTo({ ...address, preset }, upstream), changes),
  });
}

function passwordProblem(
  { scheme, user }: UpstreamAddress,
  password: string | null,
  oauth: OAuthSettings | null,
): string | null {
  if (password === null) return null;
  if (oauth !== null) return PASSWORD_AND_OAUTH;
  return user === null && apiOf(scheme) === null ? PASSWORD_WITHOUT_USER : null;
}

/**
 * The key of one API is none of another, and no password of a mailbox; and what was given for one provider is never shown to
 * another one.
 */
export function keepsPassword(
  upstream: Upstream,
  place: UpstreamAddress & Pick<Upstream, 'preset'>,
  oauth: OAuthSettings | null,
): boolean {
  const { scheme, user } = place;
  if (oauth !== null || apiOf(scheme) !== apiOf(upstream.scheme)) return false;
  return apiOf(scheme) !== null || (user !== null && !isOfAnother(upstream, place));
}

/** Hosts that are nobody's whom we know may be other names of the same provider. */
function isOfAnother(upstream: Upstream, place: UpstreamAddress & Pick<Upstream, 'preset'>): boolean {
  const [before, after] = [presetOf(upstream), presetOf(place)];
  if (before === null || after === null || upstream.host === place.host) return false;
  // Amazon's password is made for one region, which the host names.
  return before.provider !== after.provider || before.key === 'ses';
}

function presetAt(upstream: Upstream, { host, scheme }: UpstreamAddress): string | null {
  if (apiOf(scheme) !== apiOf(upstream.scheme)) return null;
  return host === upstream.host ? upstream.preset : staysWith(upstream.preset, host);
}

function regionAt(upstream: Upstream, { host, scheme }: UpstreamAddress): string | null {
  return host === upstream.host && apiOf(scheme) === 'ses' ? upstream.region : null;
}

/** At another provider, what came from the preset of the old one gives way to the preset of the new one. */
function movedTo(
  place: Readonly<{ scheme: UpstreamScheme; host: string; preset: string | null }>,
  upstream: Upstream,
): Tuning {
  const { connections, pacing, messageSize, identity } = upstream;
  const [before, after] = [presetSettings(presetOf(upstream)), presetSettings(presetOf(place))];
  const limit = (key: keyof PacingLimits) =>
    (pacing[key] === before.pacing[key] ? after : upstream).pacing[key];
  const { displayName } = (identity.displayName === before.identity.displayName ? after : upstream).identity;
  return {
    connections: connections === before.connections ? after.connections : connections,
    pacing: {
      messagesPerConnection: limit('messagesPerConnection'),
      messagesPerMinute: limit('messagesPerMinute'),
      messagesPerHour: limit('messagesPerHour'),
      messagesPerDay: limit('messagesPerDay'),
    },
    messageSize: messageSize === before.messageSize ? after.messageSize : messageSize,
    identity: { ...identity, displayName },
  };
}

function withOptions(base: Tuning, options: UpstreamOptions): Tuning {
  return {
    connections: options.connections ?? base.connections,
    pacing: { ...base.pacing, ...options.pacing },
    messageSize: options.messageSize === undefined ? base.messageSize : options.messageSize,
    identity: { ...base.identity, ...options.identity },
  };
}

function changedAddress(upstream: Upstream, changes: UpstreamChanges) {
  if (changes.url === undefined) {
    const { scheme, host, port, path, user } = upstream;
    return { kind: 'parsed', address: { scheme, host, port, path, user } } as const;
  }
  return parseUpstreamUrl(changes.url, { allowPlaintext: changes.allowPlaintext === true });
}

function sealedOrNull(
  secret: string | null | undefined,
  seal: (plain: string) => Uint8Array,
): Uint8Array | null {
  return typeof secret === 'string' ? seal(secret) : null;
}

function checked(settings: UpstreamSettings): SettingsResult {
  const problem = settingsProblem(settings);
  if (problem !== null) return refused(problem);
  const { identity } = settings;
  const senders = canonicalSenders(identity.senders);
  return { kind: 'settings', settings: { ...settings, identity: { ...identity, senders } } };
}

function unknownPreset(key: string): string {
  return `There is no preset "${key}": "postern upstream presets" lists them all.`;
}

function refused(text: string): Readonly<{ kind: 'refused'; text: string }> {
  return { kind: 'refused', text };
}
