// Checks what the operator gives for an upstream and turns it into settings, or into the sentence that says what is
// wrong with it. Sealing is handed in; nothing is stored here.

import { X509Certificate } from 'node:crypto';
import { canonicalSenders } from './identity.ts';
import { checkIdentity } from './identity-input.ts';
import type { OAuthSettings } from './oauth/oauth-settings.ts';
import { presetFor } from './presets.ts';
import {
  KEEP_IDENTITY,
  NO_PACING,
  type PacingLimits,
  type SenderIdentity,
  type Upstream,
} from './upstream.ts';
import type { UpstreamSettings } from './upstream-statements.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

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
  preset?: string | null;
}>;

export type UpstreamInput = UpstreamOptions &
  Readonly<{ name: string; url: string; password?: string | null }>;

export type UpstreamChanges = UpstreamOptions &
  Readonly<{ url?: string; password?: string | null; makeDefault?: boolean }>;

export type SettingsResult =
  | Readonly<{ kind: 'settings'; settings: UpstreamSettings }>
  | Readonly<{ kind: 'refused'; text: string }>;

/** Microsoft 365 allows three connections at the same time and answers 432 4.3.2 to more. */
export const DEFAULT_CONNECTIONS = 3;
const MAX_CONNECTIONS = 100;
/** More than any provider takes, and small enough to count with. */
const MOST_MESSAGES = 100_000_000;

const PASSWORD_WITHOUT_USER =
  'A password needs a user name: give it in the URL, for example smtp+starttls://USER@HOST.';

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
  const password = input.password ?? null;
  if (url.address.user !== null && password === null) {
    return refused(
      `The upstream has a user name (${url.address.user}) but no password: give one at the prompt or with --password-stdin.`,
    );
  }
  if (url.address.user === null && password !== null) return refused(PASSWORD_WITHOUT_USER);
  return checked({
    ...url.address,
    path: null,
    region: input.region ?? null,
    sealedPassword: sealed(url.address.user, password, seals.password),
    oauth: input.oauth ?? null,
    sealedClientSecret: sealedOrNull(input.clientSecret, seals.clientSecret),
    preset: input.preset ?? null,
    caPem: input.caPem ?? null,
    ehloName: input.ehloName ?? null,
    ...withOptions(presetSettings(url.address.host), input),
  });
}

/** The password is kept when only the URL changes, unless the URL has no user any more. */
export function changedSettings(upstream: Upstream, changes: UpstreamChanges, seals: Seals): SettingsResult {
  const address = changedAddress(upstream, changes);
  if (address.kind === 'refused') return address;
  const { user } = address.address;
  const kept = user === null ? null : upstream.sealedPassword;
  const sealedPassword =
    changes.password === undefined ? kept : sealed(user, changes.password, seals.password);
  if (user !== null && sealedPassword === null) {
    return refused(`The upstream has a user name (${user}) but no password: give one as well.`);
  }
  if (user === null && typeof changes.password === 'string') {
    return refused(PASSWORD_WITHOUT_USER);
  }
  return checked({
    ...address.address,
    path: upstream.path,
    region: changes.region === undefined ? upstream.region : changes.region,
    sealedPassword,
    oauth: changes.oauth === undefined ? upstream.oauth : changes.oauth,
    sealedClientSecret:
      changes.clientSecret === undefined
        ? upstream.sealedClientSecret
        : sealedOrNull(changes.clientSecret, seals.clientSecret),
    preset: changes.preset === undefined ? upstream.preset : changes.preset,
    caPem: changes.caPem === undefined ? upstream.caPem : changes.caPem,
    ehloName: changes.ehloName === undefined ? upstream.ehloName : changes.ehloName,
    ...withOptions(movedTo(address.address.host, upstream), changes),
  });
}

type Tuning = Pick<UpstreamSettings, 'connections' | 'pacing' | 'messageSize' | 'identity'>;

/** What an upstream gets of itself: what is known of its provider. */
export function presetSettings(host: string): Tuning {
  const preset = presetFor(host);
  return {
    connections: preset?.connections ?? DEFAULT_CONNECTIONS,
    pacing: { ...NO_PACING, ...preset?.pacing },
    messageSize: preset?.messageSize ?? null,
    identity: { ...KEEP_IDENTITY, displayName: preset?.displayName ?? KEEP_IDENTITY.displayName },
  };
}

/** At another host, what came from the preset of the old one gives way to the preset of the new one. */
function movedTo(host: string, upstream: Upstream): Tuning {
  const { connections, pacing, messageSize, identity } = upstream;
  const [before, after] = [presetSettings(upstream.host), presetSettings(host)];
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
    const { scheme, host, port, user } = upstream;
    return { kind: 'parsed', address: { scheme, host, port, user } } as const;
  }
  return parseUpstreamUrl(changes.url, { allowPlaintext: changes.allowPlaintext === true });
}

function sealed(
  user: string | null,
  password: string | null,
  seal: (plain: string) => Uint8Array,
): Uint8Array | null {
  return user === null || password === null ? null : seal(password);
}

function sealedOrNull(
  secret: string | null | undefined,
  seal: (plain: string) => Uint8Array,
): Uint8Array | null {
  return typeof secret === 'string' ? seal(secret) : null;
}

function checked(settings: UpstreamSettings): SettingsResult {
  const { caPem, ehloName, connections } = settings;
  if (caPem !== null && !isCertificate(caPem)) {
    return refused(
      'The CA file is not a certificate in PEM form: it must contain "-----BEGIN CERTIFICATE-----".',
    );
  }
  if (ehloName !== null && !/^[A-Za-z0-9._:[\]-]{1,255}$/.test(ehloName)) {
    return refused(
      `"${ehloName}" cannot be an EHLO name: use a host name, or an address in brackets such as [192.0.2.1].`,
    );
  }
  if (!Number.isInteger(connections) || connections < 1 || connections > MAX_CONNECTIONS) {
    return refused(`The number of connections must be from 1 to ${MAX_CONNECTIONS}.`);
  }
  const problem = pacingProblem(settings) ?? checkIdentity({ ...settings.identity, user: settings.user });
  if (problem !== null) return refused(problem);
  const { identity } = settings;
  const senders = canonicalSenders(identity.senders);
  return { kind: 'settings', settings: { ...settings, identity: { ...identity, senders } } };
}

function pacingProblem({ pacing, messageSize }: UpstreamSettings): string | null {
  const isCount = (limit: number | null) =>
    limit === null || (Number.isInteger(limit) && limit > 0 && limit <= MOST_MESSAGES);
  if (!Object.values(pacing).every(isCount)) {
    return `A limit of messages must be a whole number from 1 to ${MOST_MESSAGES}, or none; to stop an upstream, pause it.`;
  }
  if (messageSize === null || (Number.isSafeInteger(messageSize) && messageSize > 0)) return null;
  return 'The largest message must be one octet or more; to stop an upstream, pause it.';
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function refused(text: string): Readonly<{ kind: 'refused'; text: string }> {
  return { kind: 'refused', text };
}
