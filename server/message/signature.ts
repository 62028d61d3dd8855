// Whether a message is signed in a way that another From would break, or make readers doubt. Pure.
// DKIM always signs From (RFC 6376 §5.4). S/MIME and PGP/MIME sign the body alone, but mail programs compare the signer with
// From and warn where they differ. Not taken for signed: ARC, which vouches for what a hop saw, and whose broken chain is
// worth as much as none (RFC 8617 §5.2); what is only encrypted, where no signature shows outside; PGP within plain text,
// which mail programs check by itself.

import { type Field, fieldValue, type HeaderBlock } from './header-scan.ts';

export type Signature = 'DKIM' | 'S/MIME' | 'PGP';

/** Encrypted, and signed perhaps within (RFC 8551 §3.2.2). */
const ENCRYPTED = /smime-type\s*=\s*"?(?:auth)?-?enveloped-data/i;

export function signatureOf(octets: Buffer, { fields }: HeaderBlock): Signature | null {
  if (fields.some(field => field.name === 'dkim-signature')) return 'DKIM';
  const types = fields.filter(field => field.name === 'content-type');
  return types.map(field => signedType(octets, field)).find(signature => signature !== null) ?? null;
}

function signedType(octets: Buffer, field: Field): Signature | null {
  const value = fieldValue(octets, field);
  const type = /^[^;\s(]*/.exec(value)?.[0].toLowerCase();
  switch (type) {
    case 'multipart/signed':
      return /pgp/i.test(value) ? 'PGP' : 'S/MIME';
    case 'application/pkcs7-mime':
    case 'application/x-pkcs7-mime':
      return ENCRYPTED.test(value) ? null : 'S/MIME';
    default:
      return null;
  }
}
