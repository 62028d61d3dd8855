// The messages of SCRAM (RFC 5802 §7), parsed strictly and octet for octet: the client's, which our own clients send, and
// the server's, which an upstream sends. They are held as Latin-1 strings, one character for each octet, because the
// proof is computed over exactly what was sent; what octets mean (UTF-8 or not) is nobody's question here. Every parser
// returns null where the syntax is wrong.

import { decodeBase64 } from './decode.ts';
import { SCRAM_KEY } from './scram-keys.ts';

export type ClientFirst = Readonly<{
  /** As sent, both commas included: the final message must repeat it. */
  gs2Header: string;
  /** `none`: the client cannot bind. `unseen`: it can, and saw no offer of it. Else the type that it uses. */
  binding: Readonly<{ kind: 'none' | 'unseen' } | { kind: 'used'; type: string }>;
  /** Empty where none was given. */
  authzid: Uint8Array;
  /** May be empty. */
  name: Uint8Array;
  nonce: string;
  /** client-first-message-bare. */
  bare: string;
}>;

export type ClientFinal = Readonly<{
  /** client-final-message-without-proof. */
  withoutProof: string;
  /** What `c=` holds; null where it is no base64. */
  binding: Uint8Array | null;
  nonce: string;
  /** 32 octets. */
  proof: Uint8Array;
}>;

export type ServerFirst = Readonly<{
  /** Whole: it should begin with the client's. */
  nonce: string;
  salt: Uint8Array;
  iterations: number;
}>;

export type ServerFinal =
  | Readonly<{ kind: 'signature'; signature: Uint8Array }>
  /** The server refuses; its reply says why. */
  | Readonly<{ kind: 'error' }>;

/** Real ones have 18 to 64 octets; ours is appended, and both come back once more. */
const MAX_NONCE = 512;

/** gs2-cbind-flag and authzid (RFC 5802 §7): `n,,` or `y,a=name,` or `p=tls-exporter,,`. */
const GS2_HEADER = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/;

/** `printable`: ASCII without the comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;

/** posit-number; ten digits hold every count that anybody could mean. */
const ITERATIONS = /^i=[1-9][0-9]{0,9}$/;

/** attr-val: a letter, `=`, and at least one octet that is not NUL. What it says is ignored. */
const EXTENSION = /^[A-Za-z]=[^\0]+$/;

export function parseClientFirst(octets: Uint8Array): ClientFirst | null {
  const message = latin1(octets);
  const header = GS2_HEADER.exec(message);
  if (header === null) return null;
  const [gs2Header, flag, type, encodedAuthzid = ''] = header;
  const bare = message.slice(gs2Header.length);
  const [first = '', second = '', ...extensions] = bare.split(',');
  // `m=` would stand first, or among the extensions: it is for what a server must understand, and we know none.
  if (!first.startsWith('n=') || !second.startsWith('r=') || !areHarmless(extensions)) return null;
  const [authzid, name, nonce] = [saslname(encodedAuthzid), saslname(first.slice(2)), second.slice(2)];
  if (authzid === null || name === null || !isNonce(nonce, MAX_NONCE)) return null;
  return { gs2Header, binding: bindingOf(flag, type), authzid, name, nonce, bare };
}

export function parseClientFinal(octets: Uint8Array): ClientFinal | null {
  const message = latin1(octets);
  const parts = message.split(',');
  const [binding = '', nonce = '', ...extensions] = parts.slice(0, -1);
  const last = parts.at(-1) ?? '';
  if (!binding.startsWith('c=') || !nonce.startsWith('r=') || !last.startsWith('p=')) return null;
  if (!areHarmless(extensions)) return null;
  const proof = decodeBase64(last.slice(2));
  if (proof?.length !== SCRAM_KEY) return null;
  return {
    withoutProof: message.slice(0, message.length - last.length - 1),
    binding: decodeBase64(binding.slice(2)),
    nonce: nonce.slice(2),
    proof,
  };
}

export function parseServerFirst(octets: Uint8Array): ServerFirst | null {
  const [nonce = '', salt = '', iterations = '', ...extensions] = latin1(octets).split(',');
  if (!nonce.startsWith('r=') || !salt.startsWith('s=') || !ITERATIONS.test(iterations)) return null;
  const saltOctets = decodeBase64(salt.slice(2));
  if (!isNonce(nonce.slice(2), 2 * MAX_NONCE) || !areHarmless(extensions)) return null;
  if (saltOctets === null || saltOctets.length === 0) return null;
  return { nonce: nonce.slice(2), salt: saltOctets, iterations: Number(iterations.slice(2)) };
}

export function parseServerFinal(octets: Uint8Array): ServerFinal | null {
  const [verdict = '', ...extensions] = latin1(octets).split(',');
  if (!areHarmless(extensions)) return null;
  if (/^e=./.test(verdict)) return { kind: 'error' };
  const signature = verdict.startsWith('v=') ? decodeBase64(verdict.slice(2)) : null;
  return signature?.length === SCRAM_KEY ? { kind: 'signature', signature } : null;
}

/** A name as a client writes it (RFC 5802 §5.1), its octets in Latin-1. */
export function saslnameOf(name: string): string {
  return latin1(Buffer.from(name, 'utf8')).replaceAll('=', '=3D').replaceAll(',', '=2C');
}

/** The octets of a text that was kept as Latin-1. */
export function octetsOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

export function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1');
}

function bindingOf(flag: string | undefined, type: string | undefined): ClientFirst['binding'] {
  if (type !== undefined) return { kind: 'used', type };
  return { kind: flag === 'y' ? 'unseen' : 'none' };
}

function isNonce(text: string, longest: number): boolean {
  return NONCE.test(text) && text.length <= longest;
}

/** RFC 5802 §5.1: a name has `=2C` for the comma and `=3D` for `=`; any other `=` is an error. No NUL. */
function saslname(text: string): Uint8Array | null {
  if (text.includes('\0') || /=(?!2C|3D)/.test(text)) return null;
  return octetsOf(text.replaceAll('=2C', ',').replaceAll('=3D', '='));
}

/** RFC 5802 §5.1: unknown extensions are ignored, but `m=` demands a failure wherever it stands. */
function areHarmless(extensions: readonly string[]): boolean {
  return extensions.every(extension => EXTENSION.test(extension) && !extension.startsWith('m='));
}
