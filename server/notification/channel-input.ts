// Checks what the operator gives for a channel and turns it into settings, or into the sentence that says what is wrong
// with it. Stores nothing. No sentence repeats a URL: the part after the host is usually a secret.

import { parseClientAddress, parseNetwork } from '../smtp/address.ts';
import { type Path, parsePath } from '../smtp/path.ts';
import type { ChannelSettings } from './channel.ts';
import type { Detail } from './notice.ts';

export type ChannelInput = Readonly<{
  name: string;
  /** Absent: full for e-mail, minimal for what belongs to others. */
  detail?: Detail;
  to: ChannelTarget;
}>;

/** Null: left to Postern (a secret is generated, mail comes from the address that it goes to), or none (token). */
export type ChannelTarget =
  | Readonly<{ kind: 'webhook'; url: string; secret: string | null }>
  | Readonly<{ kind: 'ntfy'; url: string; token: string | null }>
  | Readonly<{ kind: 'email'; to: string; from: string | null }>;

export type CheckedChannel =
  | Readonly<{ kind: 'settings'; settings: ChannelSettings; warnings: readonly string[] }>
  | Readonly<{ kind: 'refused'; text: string }>;

type Refused = Extract<CheckedChannel, { kind: 'refused' }>;

const LONGEST_NAME = 100;
/** RFC 2104 §3: a key shorter than the hash's output makes the signature weaker; people do not type longer ones. */
const SHORTEST_SECRET = 16;
/** Where http:// is read by nobody else, or only at home. */
const NEAR = [
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
  'fe80::/10',
].map(text => parseNetwork(text));

export function checkChannelName(name: string): string | null {
  if (name.trim() === '') return 'The name of an alert channel cannot be empty.';
  if (/\p{Cc}/u.test(name)) return 'The name of an alert channel cannot contain control characters.';
  return name.length > LONGEST_NAME
    ? `The name of an alert channel has at most ${LONGEST_NAME} characters.`
    : null;
}

/** `newSecret` makes one that nobody can guess. */
export function checkTarget(target: ChannelTarget, newSecret: () => string): CheckedChannel {
  switch (target.kind) {
    case 'webhook':
      return checkWebhook(target.url, target.secret ?? newSecret());
    case 'ntfy':
      return checkNtfy(target.url, target.token);
    case 'email':
      return checkEmail(target.to, target.from ?? target.to);
    default:
      return target satisfies never;
  }
}

function checkWebhook(written: string, secret: string): CheckedChannel {
  const url = parseHttpUrl(written);
  if ('kind' in url) return url;
  if (secret.length < SHORTEST_SECRET) {
    return refused(
      `The secret has fewer than ${SHORTEST_SECRET} characters: give a longer one, or none, then one is generated.`,
    );
  }
  return {
    kind: 'settings',
    settings: { kind: 'webhook', url: url.href, secret },
    warnings: warningsOf(url),
  };
}

function checkNtfy(written: string, token: string | null): CheckedChannel {
  const url = parseHttpUrl(written);
  if ('kind' in url) return url;
  if (!/\/[\w-]+$/.test(url.pathname) || url.search !== '') {
    return refused('The ntfy URL must end with the topic, for example https://ntfy.sh/TOPIC.');
  }
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    return refused('The token has characters that no token of ntfy has: give it as ntfy shows it (tk_…).');
  }
  return { kind: 'settings', settings: { kind: 'ntfy', url: url.href, token }, warnings: warningsOf(url) };
}

function checkEmail(to: string, from: string): CheckedChannel {
  const recipient = parseMailbox(to);
  if ('kind' in recipient) return recipient;
  const sender = parseMailbox(from);
  if ('kind' in sender) return sender;
  return {
    kind: 'settings',
    settings: { kind: 'email', to: recipient.text, from: sender.text },
    warnings: [],
  };
}

function parseMailbox(written: string): Path | Refused {
  if (!written.includes('@'))
    return refused(`"${written}" is not a whole address, such as anna@example.net.`);
  const path = parsePath(written, '');
  return 'kind' in path ? refused(`"${written}" cannot be used: ${path.text}.`) : path;
}

function parseHttpUrl(written: string): URL | Refused {
  const url = URL.parse(written.trim());
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refused(
      'The URL must begin with https:// (or http://) and name a host, for example https://example.net/hook.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    return refused(
      'The URL has a user name or password in it, which is not supported: use the address of a webhook that needs none.',
    );
  }
  url.hash = '';
  return url;
}

function warningsOf(url: URL): readonly string[] {
  if (url.protocol === 'https:' || isNear(url.hostname)) return [];
  return [
    `http:// is not encrypted: what is sent to ${url.hostname} can be read on the network. Use https:// where you can.`,
  ];
}

function isNear(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = parseClientAddress(hostname.replace(/^\[|\]$/g, ''));
  return address !== null && NEAR.some(network => network?.contains(address) === true);
}

function refused(text: string): Refused {
  return { kind: 'refused', text };
}
