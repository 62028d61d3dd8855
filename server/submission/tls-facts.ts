// How well a connection is protected, in the words of the Received field (RFC 8314 §4.3) and of the log.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** Name of the protocol (`TLSv1.3`) and IANA name of the cipher suite. */
export type TlsFacts = Readonly<{ protocol: string; cipher: string }>;

/** Null without TLS. */
export function tlsFacts(socket: Socket): TlsFacts | null {
  if (!(socket instanceof TLSSocket)) return null;
  return { protocol: socket.getProtocol() ?? 'TLS', cipher: socket.getCipher()?.standardName ?? 'unknown' };
}
