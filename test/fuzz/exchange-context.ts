// What a session lends to its AUTH exchanges, of any kind that a real one could be: for the fuzzing of mechanisms.

import fc from 'fast-check';
import type { ExchangeContext } from '../../server/sasl/mechanism.ts';

const binding = fc.option(fc.array(fc.uint8Array({ maxLength: 64 }), { minLength: 1, maxLength: 2 }));

export const context: fc.Arbitrary<ExchangeContext> = fc
  .record({
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    exporter: binding,
    endPoint: binding,
    listed: fc.boolean(),
    nonce: fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 24, maxLength: 24 }),
  })
  .map(({ salt, exporter, endPoint, listed, nonce }) => ({
    cramChallenge: () => `<${nonce}.1796169600@postern.test>`,
    scramNonce: () => nonce,
    scramSalt: () => ({ salt, iterations: 15_000 }),
    channelBinding: type =>
      type === 'tls-exporter' ? exporter : type === 'tls-server-end-point' ? endPoint : null,
    listedPlus: () => listed,
  }));
