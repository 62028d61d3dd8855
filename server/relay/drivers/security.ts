// How a connection to an upstream is protected, for a person to read: TLS version, and whose certificate it is. And what
// stands for its TLS channel in SCRAM.

import type { PeerCertificate } from 'node:tls';
import type { EpochMs } from '../../clock.ts';
import type { ChannelBinding } from '../../sasl/client-mechanism.ts';
import { endPoint } from '../../tls/end-point.ts';
import { tlsExporter } from '../../tls/tls-exporter.ts';
import type { UpstreamConnection } from './smtp-connection.ts';

export type Security = Readonly<{
  /** Such as `TLSv1.3`. */
  protocol: string;
  /** Host names and addresses that the certificate is for. */
  names: readonly string[];
  issuer: string;
  validFrom: EpochMs;
  validTo: EpochMs;
}>;

/** Null where there is no TLS, or no certificate was seen. */
export function securityOf({ tlsSocket }: Pick<UpstreamConnection, 'tlsSocket'>): Security | null {
  if (tlsSocket === null) return null;
  // Null, whatever its type says, once the connection is gone; an empty object without a certificate.
  const certificate: Partial<PeerCertificate> | null = tlsSocket.getPeerCertificate();
  if (certificate?.valid_to === undefined || certificate.valid_from === undefined) return null;
  return {
    protocol: tlsSocket.getProtocol() ?? 'TLS',
    names: certificateNames(certificate.subjectaltname ?? '', certificate.subject?.CN),
    issuer: nameOf(certificate.issuer),
    validFrom: Date.parse(certificate.valid_from),
    validTo: Date.parse(certificate.valid_to),
  };
}

/**
 * tls-exporter where TLS 1.3 makes it sound, else tls-server-end-point. Null without TLS, and where the certificate has no
 * end point.
 */
export function channelBindingOf(connection: UpstreamConnection): ChannelBinding | null {
  const socket = connection.tlsSocket;
  if (socket === null) return null;
  const exported = tlsExporter(socket);
  if (exported !== null) return { type: 'tls-exporter', data: exported };
  const certificate = socket.getPeerX509Certificate();
  const data = certificate === undefined ? null : endPoint(certificate);
  return data === null ? null : { type: 'tls-server-end-point', data };
}

/** `alternative` as Node writes it: `DNS:a.example, IP Address:192.0.2.1`. */
export function certificateNames(alternative: string, commonName?: string | string[]): readonly string[] {
  const names = alternative.split(/,\s*/).flatMap(name => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []);
  return names.length === 0 && commonName !== undefined ? [commonName].flat() : names;
}

function nameOf(issuer: PeerCertificate['issuer'] | undefined): string {
  const name = issuer?.O ?? issuer?.CN ?? 'nobody named';
  return Array.isArray(name) ? name.join(', ') : name;
}
