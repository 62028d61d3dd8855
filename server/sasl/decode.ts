// Strict base64, as RFC 4954 §4 demands of a server: junk, `=` in the middle, wrong or missing padding and the
// URL alphabet are refused, never skipped. Node's own decoder skips what it does not know, so a wrong password would differ.
// Non-zero bits behind the last octet are let through (RFC 4648 §3.5 leaves it open): sloppy encoders in devices leave them.

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The octets of a base64 text, or null where it is not exactly base64. The empty text is zero octets. */
export function decodeBase64(text: string): Uint8Array | null {
  return BASE64.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : null;
}

/** The octets of an initial response (RFC 4954 §4): a lone `=` is a response of zero octets. Null where undecodable. */
export function decodeInitialResponse(text: string): Uint8Array | null {
  return text === '=' ? new Uint8Array() : decodeBase64(text);
}

export function encodeBase64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}
