// The channel binding tls-exporter (RFC 9266): octets that both ends of one TLS connection can compute, and nobody else.

import type { TLSSocket } from 'node:tls';

const LABEL = 'EXPORTER-Channel-Binding';
const OCTETS = 32;

/**
 * Only on TLS 1.3: before, it is sound only with the extended master secret (RFC 9266 §4.2), which Node does not tell.
 * Null otherwise.
 */
export function tlsExporter(socket: TLSSocket): Uint8Array | null {
  if (socket.getProtocol() !== 'TLSv1.3') return null;
  return socket.exportKeyingMaterial(OCTETS, LABEL, Buffer.alloc(0));
}
