// What an upstream said it can do (the lines of its EHLO reply), and what a message needs that it lacks. Pure.

import type { DeliveryRequest } from '../queue/delivery.ts';

export type Capabilities = Readonly<{
  /** Octets of the largest message, or null where none is stated (RFC 1870 §4: SIZE 0 states none). */
  maxSize: number | null;
  eightBitMime: boolean;
  smtputf8: boolean;
  pipelining: boolean;
  /** SASL mechanisms in capitals; empty where AUTH is not offered. */
  mechanisms: readonly string[];
}>;

/** `lines` are those of the EHLO reply without codes and without the greeting line. */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const keywords = new Map<string, readonly string[]>();
  const mechanisms = new Set<string>();
  for (const line of lines) {
    const [keyword = '', ...parameters] = line
      .trim()
      .toUpperCase()
      .split(/[\s=]+/);
    // Old servers write "AUTH=LOGIN" beside or instead of "AUTH LOGIN".
    if (keyword === 'AUTH') for (const mechanism of parameters) mechanisms.add(mechanism);
    else keywords.set(keyword, parameters);
  }
  const maxSize = Number(keywords.get('SIZE')?.[0] ?? '');
  return {
    maxSize: Number.isSafeInteger(maxSize) && maxSize > 0 ? maxSize : null,
    eightBitMime: keywords.has('8BITMIME'),
    smtputf8: keywords.has('SMTPUTF8'),
    pipelining: keywords.has('PIPELINING'),
    mechanisms: [...mechanisms].filter(mechanism => mechanism !== ''),
  };
}

/** Why this message cannot be handed to an upstream with these capabilities; null: it can. Nothing was sent yet. */
export function unsupported(
  message: Pick<DeliveryRequest, 'size' | 'bodyType' | 'smtputf8'>,
  capabilities: Capabilities,
): string | null {
  if (capabilities.maxSize !== null && message.size > capabilities.maxSize) {
    return `The message has ${megabytes(message.size)}, and the upstream takes at most ${megabytes(capabilities.maxSize)}. Send it smaller (lower scan resolution, fewer pages), or use another upstream.`;
  }
  if (message.smtputf8 && !capabilities.smtputf8) {
    return 'An address or a header of the message needs international mail (SMTPUTF8), which the upstream does not offer. Use addresses in plain ASCII, or another upstream.';
  }
  if (message.bodyType === '8bitmime' && !capabilities.eightBitMime) {
    return 'The message contains 8-bit characters (8BITMIME), which the upstream does not take. Let the device encode its mail (quoted-printable or base64), or use another upstream.';
  }
  return null;
}

function megabytes(octets: number): string {
  return octets < 100_000 ? `${octets} octets` : `${(octets / 1_048_576).toFixed(1)} MiB`;
}
