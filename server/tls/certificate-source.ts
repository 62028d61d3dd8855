// Where certificates come from: the local CA or the operator's files. Both answer the same few questions, so that
// certificates.ts can watch either. `describe` is what `certificate show --json` prints.

import type { X509Certificate } from 'node:crypto';
import type { KeyMaterial } from './secure-context.ts';
import { certificateNames } from './subject-names.ts';

export type CertificateFacts = Readonly<{
  subject: string;
  /** DNS names and IP addresses. */
  names: readonly string[];
  /** `AB:CD:…`, 32 octets. */
  fingerprint_sha256: string;
  /** ISO 8601, UTC. */
  not_before: string;
  not_after: string;
}>;

/** The facts at the top are those of the first certificate. */
export type CertificateDescription = CertificateFacts &
  Readonly<{
    /** `local`: signed by the local CA. `own`: the operator's files. */
    kind: 'local' | 'own';
    /** What devices must trust; null with the operator's own certificate. */
    ca: (CertificateFacts & Readonly<{ path: string }>) | null;
    /** Every certificate that clients may see. */
    certificates: readonly (CertificateFacts & Readonly<{ key_type: string; path: string }>)[];
    /** Sentences for the operator. */
    warnings: readonly string[];
  }>;

export type RenewResult = Readonly<{ kind: 'renewed' }> | Readonly<{ kind: 'refused'; text: string }>;

export type CertificateSource = Readonly<{
  /** The files whose change calls for `reload`. */
  files: readonly string[];
  material: () => KeyMaterial;
  caCertificate: () => string | null;
  describe: () => CertificateDescription;
  /** The files have changed. What cannot be used is logged, and what was in use stays. */
  reload: () => Promise<void>;
  /** Time has passed: renews what is due, warns of what cannot be renewed here. */
  check: () => Promise<void>;
  /** Renews now, because somebody asked. */
  renew: () => Promise<RenewResult>;
}>;

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    names: certificateNames(certificate).map(name => name.value),
    fingerprint_sha256: certificate.fingerprint256,
    not_before: certificate.validFromDate.toISOString(),
    not_after: certificate.validToDate.toISOString(),
  };
}
