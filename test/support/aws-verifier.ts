// Verifies AWS Signature Version 4 as Amazon's side does, written from its specification and with nothing of the library
// that signs: what both agree on is right. The answers are Amazon's own.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type SignedRequest = Readonly<{
  method: string;
  /** As it came, with its query. */
  target: string;
  /** By names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: Buffer;
}>;

export type AwsAccount = Readonly<{
  keyId: string;
  secretKey: string;
  region: string;
  service: string;
  now: () => number;
}>;

/** Null: the signature is right. */
export type AwsRefusal = Readonly<{ type: string; message: string }> | null;

const FIVE_MINUTES = 300_000;

export function awsRefusal(request: SignedRequest, account: AwsAccount): AwsRefusal {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers['authorization'] ?? '',
    );
  if (given === null) return refused('MissingAuthenticationTokenException', 'Missing Authentication Token');
  const [, keyId, day = '', region = '', service = '', names = '', signature = ''] = given;
  if (keyId !== account.keyId)
    return refused('UnrecognizedClientException', 'The security token included in the request is invalid.');
  if (region !== account.region)
    return refused(
      'InvalidSignatureException',
      `Credential should be scoped to a valid region, not '${region}'. `,
    );
  if (service !== account.service)
    return refused(
      'InvalidSignatureException',
      `Credential should be scoped to correct service: '${account.service}'. `,
    );

  const stamp = request.headers['x-amz-date'] ?? '';
  const at = timeOf(stamp);
  if (at === null || !stamp.startsWith(day)) return refused('IncompleteSignatureException', 'Date is wrong.');
  if (at < account.now() - FIVE_MINUTES)
    return refused(
      'InvalidSignatureException',
      `Signature expired: ${stamp} is now earlier than 5 min. ago.`,
    );
  if (at > account.now() + FIVE_MINUTES)
    return refused(
      'InvalidSignatureException',
      `Signature not yet current: ${stamp} is still later than in 5 min.`,
    );

  const signed = names.split(';');
  const mustBeSigned = [
    'host',
    'x-amz-date',
    ...(request.headers['content-type'] === undefined ? [] : ['content-type']),
  ];
  if (!mustBeSigned.every(name => signed.includes(name)))
    return refused(
      'InvalidSignatureException',
      "'Host', 'X-Amz-Date' and 'Content-Type' must be signed headers.",
    );
  const bodyHash = sha256(request.body);
  const toSign = [
    'AWS4-HMAC-SHA256',
    stamp,
    `${day}/${region}/${service}/aws4_request`,
    sha256(canonical(request, signed, bodyHash)),
  ];
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>(
    hmac,
    `AWS4${account.secretKey}`,
  );
  const right = hmac(key, toSign.join('\n'));
  const isHashRight = (request.headers['x-amz-content-sha256'] ?? bodyHash) === bodyHash;
  return isHashRight && timingSafeEqual(right, Buffer.from(signature, 'hex'))
    ? null
    : refused(
        'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      );
}

function canonical(
  { method, target, headers }: SignedRequest,
  signed: readonly string[],
  bodyHash: string,
): string {
  const [path = '', query = ''] = target.split('?', 2);
  const pairs = query === '' ? [] : query.split('&').map(pair => (pair.includes('=') ? pair : `${pair}=`));
  const fields = signed.map(name => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`);
  return [
    method,
    // Each segment is encoded once more than on the wire, as everywhere but in S3.
    path.split('/').map(encoded).join('/'),
    pairs.sort().join('&'),
    fields.join(''),
    signed.join(';'),
    bodyHash,
  ].join('\n');
}

function encoded(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function timeOf(stamp: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (parts === null) return null;
  const [year = 0, month = 1, ...rest] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function refused(type: string, message: string): AwsRefusal {
  return { type, message };
}
