// AUTH dialogues of every mechanism with hostile lines: each line gives one step, the dialogue ends soon, and nobody is
// handed to the verifier without a name. Beside it the decoders and the text of credentials.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalName,
  canonicalPassword,
  decodeText,
  encodeWindows1252,
} from '../../server/sasl/credential-text.ts';
import { decodeBase64, decodeInitialResponse, encodeBase64 } from '../../server/sasl/decode.ts';
import { beginExchange, type ExchangeStep, MAX_EXCHANGE_LINE } from '../../server/sasl/exchange.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';
import { MAX_FORMS, passwordForms } from '../../server/sasl/password-forms.ts';
import { parseClientFinal, parseClientFirst } from '../../server/sasl/scram-messages.ts';
import { context } from './exchange-context.ts';
import { holds, quickly } from './fuzz.ts';
import { line, longText, octets, octetsOf, text } from './octets.ts';

/** No dialogue of ours needs more: SCRAM without initial response, with its proof. */
const MOST_LINES = 4;

/** Messages as clients of each mechanism would send them, right and nearly right. */
const message = fc.oneof(
  octets,
  fc.tuple(text, text, text).map(parts => octetsOf(parts.join('\0'))),
  fc.tuple(text, fc.stringMatching(/^[0-9a-fA-F]{31,33}$/)).map(parts => octetsOf(parts.join(' '))),
  fc
    .tuple(
      fc.constantFrom('n', 'y', 'p=tls-exporter', 'p=tls-server-end-point', 'p=tls-unique', 'x'),
      text,
      text,
      text,
    )
    .map(([flag, authzid, name, nonce]) =>
      octetsOf(`${flag},${authzid === '' ? '' : `a=${authzid}`},n=${name},r=${nonce}`),
    ),
  fc
    .tuple(octets, text, fc.uint8Array({ minLength: 31, maxLength: 33 }))
    .map(([bound, nonce, proof]) => octetsOf(`c=${encodeBase64(bound)},r=${nonce},p=${encodeBase64(proof)}`)),
);
const response = fc.oneof(
  { weight: 6, arbitrary: message.map(encodeBase64) },
  { weight: 2, arbitrary: line },
  { weight: 1, arbitrary: fc.constantFrom('', '=', '*', '==', 'QQ==', 'QQ=', 'Q Q=', '\0') },
  { weight: 1, arbitrary: longText(MAX_EXCHANGE_LINE + 10).map(given => encodeBase64(octetsOf(given))) },
);
const mechanismName = fc.oneof(
  fc.constantFrom(...mechanisms.map(({ name }) => name), 'scram-sha-256', 'GSSAPI', 'constructor'),
  line,
);
const argument = fc.oneof(
  mechanismName,
  fc.tuple(mechanismName, response).map(parts => parts.join(' ')),
  line,
);

describe('an AUTH dialogue', () => {
  it('ends within a few lines, and hands on nobody without a name', () => {
    holds(
      fc.property(
        argument,
        fc.array(response, { minLength: MOST_LINES, maxLength: MOST_LINES }),
        context,
        (begin, lines, lent) => {
          let step: ExchangeStep = quickly(() => beginExchange(begin, mechanisms, lent));
          for (const given of lines) {
            if (step.kind !== 'challenge') break;
            expect(step.text).toMatch(/^[A-Za-z0-9+/=]*$/);
            const { next } = step;
            const first: ExchangeStep = quickly(() => next(octetsOf(given)));
            // A step can be asked twice and answers the same: it keeps no state that a client could spoil.
            expect(JSON.stringify(next(octetsOf(given)))).toBe(JSON.stringify(first));
            step = first;
          }
          expect(step.kind).not.toBe('challenge');
          if (step.kind === 'credentials') checkCredentials(step);
        },
      ),
      4_000,
    );
  });

  it('that was right but for the proof of the server ends there too', () => {
    const first = octetsOf('n,,n=user,r=abc');
    holds(
      fc.property(response, context, (answer, lent) => {
        const opened = beginExchange(`SCRAM-SHA-256 ${encodeBase64(first)}`, mechanisms, {
          ...lent,
          listedPlus: () => false,
        });
        if (opened.kind !== 'challenge') throw new Error(opened.kind);
        const nonce = `abc${lent.scramNonce()}`;
        const final = opened.next(
          Buffer.from(encodeBase64(octetsOf(`c=biws,r=${nonce},p=${encodeBase64(new Uint8Array(32))}`))),
        );
        if (final.kind !== 'credentials' || final.prove === null) throw new Error(final.kind);
        const proof = final.prove(new Uint8Array(32));
        if (proof.kind !== 'challenge') throw new Error(proof.kind);
        const end = proof.next(octetsOf(answer));
        expect(end.kind).toBe(answer === '' ? 'complete' : 'refused');
      }),
      500,
    );
  });
});

function checkCredentials({ credentials, prove }: Extract<ExchangeStep, { kind: 'credentials' }>): void {
  expect(credentials.name.length).toBeGreaterThan(0);
  expect(credentials.name.includes(0)).toBe(false);
  switch (credentials.kind) {
    case 'password':
      expect(credentials.password.length).toBeGreaterThan(0);
      expect(credentials.password.includes(0)).toBe(false);
      return expect(prove).toBeNull();
    case 'cram-md5':
      expect(credentials.digest).toHaveLength(16);
      return expect(prove).toBeNull();
    case 'scram-sha-256':
      expect(credentials.proof).toHaveLength(32);
      return expect(prove).not.toBeNull();
    default:
      credentials satisfies never;
  }
}

describe('the messages of SCRAM', () => {
  it('are none, or can be put together again octet for octet', () => {
    holds(
      fc.property(message, given => {
        const first = quickly(() => parseClientFirst(given));
        if (first !== null) expect(`${first.gs2Header}${first.bare}`).toBe(given.toString('latin1'));
        const final = quickly(() => parseClientFinal(given));
        if (final !== null)
          expect(given.toString('latin1').startsWith(`${final.withoutProof},p=`)).toBe(true);
      }),
      4_000,
    );
  });
});

describe('base64', () => {
  it('is decoded strictly: what is taken is the same octets for Node, and nothing else is', () => {
    const nearly = fc.oneof(text, octets.map(encodeBase64), fc.stringMatching(/^[A-Za-z0-9+/=]{0,12}$/));
    holds(
      fc.property(nearly, given => {
        const decoded = quickly(() => decodeBase64(given));
        if (decoded === null) return;
        expect(given).toMatch(/^[A-Za-z0-9+/]*={0,2}$/);
        expect(given.length % 4).toBe(0);
        expect(encodeBase64(decoded).length).toBe(given.length);
        expect(decodeInitialResponse(given)).toEqual(decoded);
      }),
      3_000,
    );
  });

  it('gives back what was encoded', () => {
    holds(
      fc.property(octets, given => {
        expect(Buffer.from(decodeBase64(encodeBase64(given)) ?? []).equals(given)).toBe(true);
      }),
      1_000,
    );
  });
});

describe('the text of a credential', () => {
  const anything = fc.oneof(octets, fc.uint8Array({ maxLength: 40 }), longText(1_024).map(octetsOf));

  it('has one canonical form, which is its own; its octets come back where they can be written so', () => {
    holds(
      fc.property(anything, given => {
        const decoded = quickly(() => decodeText(given));
        for (const canonical of [canonicalName, canonicalPassword]) {
          const once = quickly(() => canonical(decoded));
          expect(canonical(once)).toBe(once);
          expect(once.length).toBeLessThan(20 * decoded.length + 20);
        }
        const octetsAgain = encodeWindows1252(decoded);
        if (octetsAgain !== null && !isUtf8(given))
          expect(Buffer.from(octetsAgain)).toEqual(Buffer.from(given));
      }),
      3_000,
    );
  });

  it('has a few distinct forms, none of them empty', () => {
    holds(
      fc.property(anything.map(decodeText), password => {
        const forms = quickly(() => passwordForms(password)).map(form => Buffer.from(form).toString('hex'));
        expect(new Set(forms).size).toBe(forms.length);
        expect(forms.length).toBeLessThanOrEqual(MAX_FORMS);
        expect(forms).not.toContain('');
      }),
      1_000,
    );
  });
});

function isUtf8(given: Uint8Array): boolean {
  return Buffer.from(Buffer.from(given).toString('utf8')).equals(given);
}
