// Checks what the operator gives for an upstream and turns it into settings, or into the sentence that says what is
// wrong with it. Sealing is handed in; nothing is stored here.

import { X509Certificate } from 'node:crypto';
import type { Upstream } from './upstream.ts';
import type { UpstreamSettings } from './upstream-statements.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

export type UpstreamInput = Readonly<{
  name: string;
  url: string;
  password?: string | null;
  /** PEM of one or more certificates to trust instead of the public ones. */
  caPem?: string | null;
  ehloName?: string | null;
  /** Deliveries at the same time; 3 unless given. */
  connections?: number;
  /** Lets `smtp+notls` leave this machine. */
  allowPlaintext?: boolean;
}>;

/** Only what is present changes; null removes. */
export type UpstreamChanges = Readonly<{
  url?: string;
  password?: string | null;
  caPem?: string | null;
  ehloName?: string | null;
  connections?: number;
  allowPlaintext?: boolean;
  makeDefault?: boolean;
}>;

export type SettingsResult =
  | Readonly<{ kind: 'settings'; settings: UpstreamSettings }>
  | Readonly<{ kind: 'refused'; text: string }>;

/** Microsoft 365 allows three connections at the same time and answers 432 4.3.2 to more. */
export const DEFAULT_CONNECTIONS = 3;
const MAX_CONNECTIONS = 100;

const PASSWORD_WITHOUT_USER =
  'A password needs a user name: give it in the URL, for example smtp+starttls://USER@HOST.';

type Seal = (password: string) => Uint8Array;

/** Null when the name may be used, else the sentence for the operator. */
export function checkName(name: string): string | null {
  if (name.trim() === '') return 'The name of an upstream cannot be empty.';
  if (/\p{Cc}/u.test(name)) return 'The name of an upstream cannot contain control characters.';
  return name.length > 100 ? 'The name of an upstream has at most 100 characters.' : null;
}

export function newSettings(input: UpstreamInput, seal: Seal): SettingsResult {
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
    sealedPassword: sealed(url.address.user, password, seal),
    caPem: input.caPem ?? null,
    ehloName: input.ehloName ?? null,
    connections: input.connections ?? DEFAULT_CONNECTIONS,
  });
}

/** The password is kept when only the URL changes, unless the URL has no user any more. */
export function changedSettings(upstream: Upstream, changes: UpstreamChanges, seal: Seal): SettingsResult {
  const address = changedAddress(upstream, changes);
  if (address.kind === 'refused') return address;
  const { user } = address.address;
  const kept = user === null ? null : upstream.sealedPassword;
  const sealedPassword = changes.password === undefined ? kept : sealed(user, changes.password, seal);
  if (user !== null && sealedPassword === null) {
    return refused(`The upstream has a user name (${user}) but no password: give one as well.`);
  }
  if (user === null && typeof changes.password === 'string') {
    return refused(PASSWORD_WITHOUT_USER);
  }
  return checked({
    ...address.address,
    sealedPassword,
    caPem: changes.caPem === undefined ? upstream.caPem : changes.caPem,
    ehloName: changes.ehloName === undefined ? upstream.ehloName : changes.ehloName,
    connections: changes.connections ?? upstream.connections,
  });
}

function changedAddress(upstream: Upstream, changes: UpstreamChanges) {
  if (changes.url === undefined) {
    const { scheme, host, port, user } = upstream;
    return { kind: 'parsed', address: { scheme, host, port, user } } as const;
  }
  return parseUpstreamUrl(changes.url, { allowPlaintext: changes.allowPlaintext === true });
}

function sealed(user: string | null, password: string | null, seal: Seal): Uint8Array | null {
  return user === null || password === null ? null : seal(password);
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
  return { kind: 'settings', settings };
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
