// CRAM-MD5 on the wire (RFC 2195, RFC 4954 §4.1); and its arithmetic against Node's own HMAC.

import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import { md5AfterBlock, md5Continue, md5StateFrom, md5StateOctets } from '../../server/sasl/md5-compress.ts';
import type { CramCredentials } from '../../server/sasl/mechanism.ts';
import { base64, CRAM_CHALLENGE, lastStep, octets, steps } from './exchange-context.ts';

/** What the verifier would be given for a response, or why it was refused. */
function answered(response: string): CramCredentials | string {
  const step = lastStep('CRAM-MD5', [response]);
  if (step.kind === 'refused') return step.refusal;
  if (step.kind !== 'credentials' || step.credentials.kind !== 'cram-md5') throw new Error(step.kind);
  expect(step.prove).toBeNull();
  return step.credentials;
}

const hex = (digest: Uint8Array) => Buffer.from(digest).toString('hex');

describe('CRAM-MD5 vectors', () => {
  it.each([
    [
      'RFC 2195 §3',
      'dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw',
      'tim',
      'tanstaaftanstaaf',
      'b913a602c7eda7a495b4e6e7334d3890',
    ],
    [
      'a password longer than a block',
      'dXNlciBlZTg0NGVjMWNlMTJkMWJmYzgxYzRmOTk2MjZkZDc1OA==',
      'user',
      'a'.repeat(70),
      'ee844ec1ce12d1bfc81c4f99626dd758',
    ],
  ])('%s', (_, response, name, password, digest) => {
    expect(steps('CRAM-MD5')[0]).toMatchObject({
      kind: 'challenge',
      text: 'PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+',
    });
    const credentials = answered(response);
    expect(credentials).toEqual({
      kind: 'cram-md5',
      name: octets(name),
      challenge: octets(CRAM_CHALLENGE),
      digest: new Uint8Array(Buffer.from(digest, 'hex')),
    });
    expect(hex(cramDigest(cramState(octets(password)), octets(CRAM_CHALLENGE)))).toBe(digest);
  });

  it('RFC 4954 §4.1', () => {
    const challenge = '<4192942341.12828472@sourcefour.andrew.cmu.edu>';
    const [first, last] = steps('CRAM-MD5', ['cmpzMyBlYzNhNTlmZWQzOTVhYmExZWM2MzY3YzRmNGI0MWFjMA=='], {
      cramChallenge: () => challenge,
    });
    expect(first).toMatchObject({
      text: 'PDQxOTI5NDIzNDEuMTI4Mjg0NzJAc291cmNlZm91ci5hbmRyZXcuY211LmVkdT4=',
    });
    expect(last).toMatchObject({ kind: 'credentials', mechanism: 'CRAM-MD5' });
    expect(answered('cmpzMyBlYzNhNTlmZWQzOTVhYmExZWM2MzY3YzRmNGI0MWFjMA==')).toMatchObject({
      name: octets('rjs3'),
      digest: new Uint8Array(Buffer.from('ec3a59fed395aba1ec6367c4f4b41ac0', 'hex')),
    });
  });
});

describe('a response', () => {
  const digest = 'b913a602c7eda7a495b4e6e7334d3890';

  it('is split at the last space, because names have spaces', () => {
    expect(answered(base64(`john doe ${digest}`))).toMatchObject({ name: octets('john doe') });
    expect(answered(base64(`tim  ${digest}`))).toMatchObject({ name: octets('tim ') });
  });

  it('keeps the octets of the name', () => {
    expect(answered(Buffer.from(`j\xfcrgen ${digest}`, 'latin1').toString('base64'))).toMatchObject({
      name: octets('j\xfcrgen'),
    });
  });

  it('may write the digest in capitals', () => {
    expect(answered(base64(`tim ${digest.toUpperCase()}`))).toEqual(answered(base64(`tim ${digest}`)));
  });

  it.each([
    ['nothing', '', 'malformed'],
    ['no space', base64(`tim${digest}`), 'malformed'],
    ['only a name', base64('tim'), 'malformed'],
    ['a digest that is too short', base64(`tim ${digest.slice(1)}`), 'malformed'],
    ['a digest that is too long', base64(`tim ${digest}0`), 'malformed'],
    ['a digest that is none', base64(`tim ${'g'.repeat(32)}`), 'malformed'],
    ['something behind the digest', base64(`tim ${digest} `), 'malformed'],
    ['a NUL in the name', base64(`t\0m ${digest}`), 'malformed'],
    ['no name', base64(` ${digest}`), 'credentials'],
    ['no base64', 'dGlt=', 'undecodable'],
    ['a cancellation', '*', 'cancelled'],
  ])('%s is refused', (_, response, refusal) => {
    expect(answered(response)).toBe(refusal);
  });

  it('cannot come before the challenge (RFC 4954 §4)', () => {
    expect(lastStep(`CRAM-MD5 ${base64(`tim ${digest}`)}`)).toMatchObject({
      kind: 'refused',
      refusal: 'unexpected-initial-response',
    });
    expect(lastStep('CRAM-MD5 =')).toMatchObject({ refusal: 'unexpected-initial-response' });
  });
});

describe('the arithmetic', () => {
  const lengths = fc.uint8Array({ maxLength: 200 });

  it('is HMAC-MD5 by way of its two inner states', () => {
    fc.assert(
      fc.property(lengths, lengths, (password, challenge) => {
        const state = cramState(password);
        expect(state).toHaveLength(32);
        expect(hex(cramDigest(state, challenge))).toBe(
          createHmac('md5', password).update(challenge).digest('hex'),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is right at every length around the ends of blocks', () => {
    for (let length = 0; length <= 260; length++) {
      const octets = new Uint8Array(length).fill(0xa5);
      expect(hex(cramDigest(cramState(octets), octets))).toBe(
        createHmac('md5', octets).update(octets).digest('hex'),
      );
    }
  });

  it('continues MD5 after a block, and its states survive as octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), lengths, (block, rest) => {
        const state = md5StateFrom(md5StateOctets(md5AfterBlock(block)));
        expect(hex(md5Continue(state, rest))).toBe(
          createHash('md5').update(block).update(rest).digest('hex'),
        );
      }),
    );
  });

  it('takes no damaged state', () => {
    expect(() => cramDigest(new Uint8Array(31), octets('x'))).toThrow('32 octets');
  });
});
