// How well a connection is protected, in the words of the Received field (RFC 8314 §4.3) and of the log; and what stands
// for its channel in SCRAM-SHA-256-PLUS.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { tlsExporter } from '../tls/tls-exporter.ts';

/** Name of the protocol (`TLSv1.3`) and IANA name of the cipher suite. */
export type TlsFacts = Readonly<{ protocol: string; cipher: string }>;

/** Null without TLS. */
export function tlsFacts(socket: Socket): TlsFacts | null {
  if (!(socket instanceof TLSSocket)) return null;
  return { protocol: socket.getProtocol() ?? 'TLS', cipher: socket.getCipher()?.standardName ?? 'unknown' };
}

/**
 * The octets that stand for this TLS channel (ExchangeContext.channelBinding). `endPoints`: those that the listener's
 * leaves have.
 * tls-exporter only on TLS 1.3. tls-unique never: it is broken by renegotiation and does not exist in TLS 1.3.
 */
export function channelBinding(
  socket: Socket,
  type: string,
  endPoints: readonly Uint8Array[],
): readonly Uint8Array[] | null {
  if (!(socket instanceof TLSSocket)) return null;
  if (type === 'tls-server-end-point') return endPoints.length > 0 ? endPoints : null;
  const exported = type === 'tls-exporter' ? tlsExporter(socket) : null;
  return exported === null ? null : [exported];
}
