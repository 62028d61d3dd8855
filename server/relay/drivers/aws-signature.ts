// Signs requests to Amazon's APIs (Signature Version 4). The whole body is signed: its SHA-256 is computed before, so that a
// large message need not stand in memory. The only file that knows the signer's library, which is loaded with the first
// request that needs it: most upstreams are not Amazon's.

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { EpochMs } from '../../clock.ts';

export type AwsRequest = Readonly<{
  method: string;
  /** As the header Host says it, with the port where that is not the usual one. */
  host: string;
  /** As it is sent, with its query. */
  path: string;
  /** Those that are signed besides Host. What a proxy may change (User-Agent, Connection …) never is. */
  headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hexadecimal. */
  bodyHash: string;
}>;

export type AwsSigning = Readonly<{
  keyId: string;
  secretKey: string;
  region: string;
  /** As Amazon calls it in signatures: `ses`. */
  service: string;
  /** Wall clock: Amazon takes no signature that is older than five minutes, or from the future. */
  now: EpochMs;
}>;

/** The headers of the request with those of the signature, by names in lower case. */
export async function signAws(
  { method, host, path, headers, bodyHash }: AwsRequest,
  { keyId, secretKey, region, service, now }: AwsSigning,
): Promise<Readonly<Record<string, string>>> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({
    service,
    region,
    credentials: { accessKeyId: keyId, secretAccessKey: secretKey },
    sha256: Sha256,
  });
  const url = new URL(path, 'https://localhost');
  const signed = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname: host,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { ...lowerCase(headers), host, 'x-amz-content-sha256': bodyHash },
    },
    { signingDate: new Date(now) },
  );
  return signed.headers;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

type Key = string | ArrayBuffer | ArrayBufferView;

/** What the library takes for a hash: with a key, an HMAC. */
class Sha256 {
  private hash: Hash | Hmac;
  private readonly key: Buffer | null;

  constructor(key?: Key) {
    this.key = key === undefined ? null : octetsOf(key);
    this.hash = fresh(this.key);
  }

  update(piece: Key): void {
    this.hash.update(octetsOf(piece));
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    this.hash = fresh(this.key);
  }
}

function fresh(key: Buffer | null): Hash | Hmac {
  return key === null ? createHash('sha256') : createHmac('sha256', key);
}

function octetsOf(data: Key): Buffer {
  if (typeof data === 'string') return Buffer.from(data, 'utf8');
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}
