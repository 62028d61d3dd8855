// Signature Version 4, against Amazon's published examples (Amazon S3 API Reference, "Signature Calculations for the
// Authorization Header") and against a verifier of our own.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type AwsRequest, type AwsSigning, signAws } from '../../../server/relay/drivers/aws-signature.ts';
import { type AwsAccount, awsRefusal } from '../../support/aws-verifier.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const EXAMPLE = {
  keyId: 'AKIAIOSFODNN7EXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'us-east-1',
  service: 's3',
  now: Date.parse('2013-05-24T00:00:00Z'),
} as const;

describe('the signer', () => {
  it.each([
    [
      'GET with a header',
      { method: 'GET', path: '/test.txt', headers: { Range: 'bytes=0-9' }, bodyHash: EMPTY },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'GET with a query without value',
      { method: 'GET', path: '/?lifecycle', headers: {}, bodyHash: EMPTY },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'GET with a query',
      { method: 'GET', path: '/?max-keys=2&prefix=J', headers: {}, bodyHash: EMPTY },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])("makes the signature of Amazon's example: %s", async (_name, request, signature) => {
    const headers = await signAws({ ...request, host: 'examplebucket.s3.amazonaws.com' }, EXAMPLE);
    expect(headers['authorization']).toContain(`Signature=${signature}`);
  });

  const account: AwsAccount = { ...EXAMPLE, region: 'eu-west-1', service: 'ses', now: () => EXAMPLE.now };
  const signing: AwsSigning = { ...EXAMPLE, region: 'eu-west-1', service: 'ses' };
  const body = Buffer.from('{"Content":{"Raw":{"Data":"U3ViamVjdDogeA=="}}}');
  const request: AwsRequest = {
    method: 'POST',
    host: 'email.eu-west-1.amazonaws.com:8443',
    path: '/base%20path/v2/email/outbound-emails?b=2&a=x%2Fy',
    headers: { 'Content-Type': 'application/json', 'User-Agent': 'Postern' },
    bodyHash: createHash('sha256').update(body).digest('hex'),
  };
  const verify = async (as: Partial<AwsSigning>, received = body, on: Partial<AwsAccount> = {}) => {
    const headers = await signAws(request, { ...signing, ...as });
    const { method, path: target } = request;
    return awsRefusal({ method, target, headers, body: received }, { ...account, ...on });
  };

  it('makes signatures that another implementation takes', async () => {
    expect(await verify({})).toBeNull();
  });

  const wrong: readonly (readonly [string, Partial<AwsSigning>, RegExp])[] = [
    ['another secret key', { secretKey: 'wrong' }, /does not match/],
    ['another key', { keyId: 'AKIAOTHER' }, /security token/],
    ['another region', { region: 'us-east-1' }, /scoped to a valid region/],
    ['another service', { service: 'sns' }, /correct service/],
    ['a clock that is late', { now: EXAMPLE.now - 301_000 }, /Signature expired/],
    ['a clock that is early', { now: EXAMPLE.now + 301_000 }, /not yet current/],
  ];
  it.each(wrong)('which it refuses with %s', async (_name, as, message) => {
    expect(await verify({ ...as })).toMatchObject({
      message: expect.stringMatching(message),
    });
  });

  it('which it refuses for another body', async () => {
    expect(await verify({}, Buffer.from(`${body.toString()} `))).not.toBeNull();
  });

  it('leaves out what a proxy may change', async () => {
    const headers = await signAws(request, signing);
    expect(headers['authorization']).toContain(
      'SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,',
    );
    expect(headers).toMatchObject({ 'user-agent': 'Postern', 'content-type': 'application/json' });
  });
});
