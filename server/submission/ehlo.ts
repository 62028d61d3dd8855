// What EHLO says: exactly what is honoured, in few lines, because small devices read no more.

import type { Mechanism } from '../sasl/mechanism.ts';
import type { SessionSettings } from './session.ts';

/** AUTH appears only when a password would be encrypted, STARTTLS only while it can still be used. */
export function keywords(
  { hostname, limits, offersStartTls }: SessionSettings,
  { secure, offered }: Readonly<{ secure: boolean; offered: readonly Mechanism[] }>,
): readonly string[] {
  return [
    hostname,
    'PIPELINING',
    `SIZE ${limits().messageSize}`,
    ...(offersStartTls && !secure ? ['STARTTLS'] : []),
    ...(secure ? [`AUTH ${offered.map(mechanism => mechanism.name).join(' ')}`] : []),
    'ENHANCEDSTATUSCODES',
    '8BITMIME',
    'SMTPUTF8',
    'DSN',
    // RFC 8689 §2: only to a client that uses TLS itself.
    ...(secure ? ['REQUIRETLS'] : []),
  ];
}
