// The CA certificate as a download. The type is the one on which phones and browsers offer to install it.

import { X509Certificate } from 'node:crypto';
import { type Answer, textAnswer } from './http-server.ts';

const NO_CA =
  'This server has a certificate of its own (tls.certificate), so there is no CA certificate of Postern to install.';

/** `pem` is null where there is no local CA. */
export function caCertificateAnswer(pem: string | null, form: 'pem' | 'der'): Answer {
  if (pem === null) return textAnswer(404, NO_CA);
  const name = form === 'pem' ? 'postern-ca.crt' : 'postern-ca.der';
  return {
    status: 200,
    headers: {
      'content-type': 'application/x-x509-ca-cert',
      'content-disposition': `attachment; filename="${name}"`,
    },
    body: form === 'pem' ? pem : new X509Certificate(pem).raw,
  };
}
