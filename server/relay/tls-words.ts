// What a failed TLS handshake with an upstream means and what to do about it, from the error's code. Pure.

export type TlsTrouble = Readonly<{
  /** OpenSSL's or Node's error code, such as `CERT_HAS_EXPIRED`. */
  code: string;
  host: string;
  /** Of the certificate, where it is known. */
  names: readonly string[];
  message: string;
  /** It is a sending API, and no mail server. */
  isApi?: boolean;
}>;

const UNKNOWN_AUTHORITY = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_UNTRUSTED',
  'CERT_CHAIN_TOO_LONG',
  'INVALID_CA',
]);

const OTHER_CERTIFICATE =
  /^(CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/;

/** True for an error code that speaks of TLS or of a certificate. */
export function isTlsCode(code: string): boolean {
  return (
    /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|ETLS$|DEPTH_ZERO_SELF_SIGNED_CERT$)/.test(code) ||
    UNKNOWN_AUTHORITY.has(code) ||
    OTHER_CERTIFICATE.test(code)
  );
}

/** One or two sentences for the operator: what is wrong, and what to do. */
export function explainTls(trouble: TlsTrouble): string {
  const { code, host } = trouble;
  if (code === 'CERT_HAS_EXPIRED') {
    return `The certificate of ${host} has expired. It must be renewed there; if it is valid, this machine's clock is wrong.`;
  }
  if (code === 'CERT_NOT_YET_VALID') {
    return `The certificate of ${host} is not valid yet: this machine's clock is probably behind.`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') {
    const names = trouble.names.length === 0 ? 'another name' : trouble.names.join(', ');
    return `The certificate is for ${names}, not for ${host}. Use a name of the certificate in the upstream's URL.`;
  }
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') {
    return `${host} shows a self-signed certificate, which anybody could make. If it is yours, save it to a file and give it with \`--ca FILE\`.`;
  }
  if (UNKNOWN_AUTHORITY.has(code)) {
    return `The certificate of ${host} is signed by an authority that this machine does not know. If it is yours, give its certificate with \`--ca FILE\`; if not, somebody may be in between.`;
  }
  return explainProtocol(trouble);
}

function explainProtocol({ code, host, message, isApi }: TlsTrouble): string {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    if (isApi === true)
      return `${host} does not speak TLS on this port. Check host and port (a sending API usually has 443); a proxy may be in between.`;
    return `${host} does not speak TLS from the start on this port. Use smtp+starttls:// (usually port 587) instead of smtps:// (usually port 465).`;
  }
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION/.test(code)) {
    return `${host} offers only TLS versions older than 1.2, which are not safe. It must be updated there.`;
  }
  if (OTHER_CERTIFICATE.test(code)) {
    return `The certificate of ${host} is not accepted (${code}: ${message}).`;
  }
  return `The TLS handshake with ${host} failed (${message || code}).`;
}
