// What an upstream says, who is no friend either: replies, capabilities, certificates, AUTH challenges. Whatever it sends
// becomes a value, bounded in size and free of what a terminal would obey, and never gets the password twice.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCapabilities, tooLarge } from '../../server/relay/capabilities.ts';
import { createReplyReader, MAX_REPLY } from '../../server/relay/drivers/reply-reader.ts';
import { parseRemoteReply } from '../../server/relay/remote-reply.ts';
import { replyMeaning } from '../../server/relay/reply-meaning.ts';
import { explainTls, isTlsCode } from '../../server/relay/tls-words.ts';
import { parseUpstreamUrl } from '../../server/relay/upstream-url.ts';
import type { ClientStep } from '../../server/sasl/client-mechanism.ts';
import { clientMechanisms, tokenMechanisms } from '../../server/sasl/client-mechanisms.ts';
import { encodeBase64 } from '../../server/sasl/decode.ts';
import { parseServerFinal, parseServerFirst } from '../../server/sasl/scram-messages.ts';
import { holds, holdsAsync, quickly } from './fuzz.ts';
import { longText, octetsOf, text } from './octets.ts';

/** nodemailer reads at most so much of a reply. */
const LONGEST = 65_536;
const said = fc.oneof(
  { weight: 6, arbitrary: text },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('250 ', '550-5.7.1 ', '421 4.7.0 ', '334 ', '999 '), text)
      .map(parts => parts.join('')),
  },
  { weight: 1, arbitrary: longText(LONGEST) },
);

describe('a reply of an upstream', () => {
  it('is a value with a bounded line, whatever was sent', () => {
    const stages = ['mail', 'rcpt', 'data', 'body'] as const;
    holds(
      fc.property(said, fc.constantFrom(...stages), (raw, stage) => {
        const reply = quickly(() => parseRemoteReply(raw));
        expect(reply.line.length).toBeLessThanOrEqual(1_000);
        expect(reply.line).not.toMatch(/\p{Cc}/u);
        if (reply.code !== null) expect(reply.line.startsWith(String(reply.code))).toBe(true);
        quickly(() => replyMeaning(stage, reply));
      }),
      3_000,
    );
  });

  it('comes out of its octets in order, however they are split, and never grows without end', () => {
    const split = fc.array(said.map(octetsOf), { maxLength: 12 });
    holds(
      fc.property(split, fc.integer({ min: 1, max: 5000 }), (parts, size) => {
        const all = Buffer.concat([...parts]);
        const whole = createReplyReader().push(all);
        const reader = createReplyReader();
        const pieces: string[] = [];
        let flooded = false;
        for (let at = 0; at < all.length && !flooded; at += size) {
          const replies = quickly(() => reader.push(all.subarray(at, at + size)));
          flooded = replies === null;
          pieces.push(...(replies ?? []));
          expect(reader.pending()).toBeLessThanOrEqual(MAX_REPLY + size);
        }
        if (whole !== null && !flooded) expect(pieces).toEqual(whole);
      }),
      500,
    );
  });

  it('to EHLO is a set of capabilities', () => {
    holds(
      fc.property(fc.array(said, { maxLength: 8 }), fc.nat(), (lines, size) => {
        const capabilities = quickly(() => parseCapabilities(lines));
        expect(capabilities.maxSize === null || capabilities.maxSize > 0).toBe(true);
        expect(capabilities.mechanisms).not.toContain('');
        quickly(() => tooLarge(size, capabilities));
      }),
      1_000,
    );
  });
});

describe('a failed handshake', () => {
  it('is explained in one printable sentence or two', () => {
    const trouble = fc.record({
      code: fc.oneof(
        text,
        fc.constantFrom('CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'SELF_SIGNED_CERT_IN_CHAIN'),
      ),
      host: fc.domain(),
      names: fc.array(text, { maxLength: 4 }),
      message: said,
    });
    holds(
      fc.property(trouble, given => {
        isTlsCode(given.code);
        expect(quickly(() => explainTls(given)).length).toBeGreaterThan(20);
      }),
      500,
    );
  });
});

describe('the challenges of an upstream', () => {
  const login = { user: 'relay', password: 'upstream secret' };
  const channelBinding = { type: 'tls-exporter', data: new Uint8Array(32) };
  const names = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'];
  const challenge = fc.oneof(
    said.map(octetsOf),
    fc
      .tuple(text, text, fc.oneof(fc.nat(5_000), fc.constantFrom('0', '-1', '1e9', '99999999999', '')))
      .map(([nonce, salt, i]) => octetsOf(`r=nonce${nonce},s=${encodeBase64(octetsOf(salt))},i=${i}`)),
    text.map(proof => octetsOf(`v=${encodeBase64(octetsOf(proof))}`)),
  );

  it('end the login in bounded time; SCRAM never takes a stranger for the upstream', async () => {
    await holdsAsync(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.array(challenge, { maxLength: 5 }),
        async (name, challenges) => {
          const context = { nonce: () => 'nonce', channelBinding, plusOffered: true };
          const [mechanism] = clientMechanisms([name], context);
          let step: ClientStep | undefined = mechanism?.start(login, context);
          for (const octets of challenges) if (step?.kind === 'answer') step = await step.next(octets);
          if (step?.kind !== 'answer' || !name.startsWith('SCRAM')) return;
          expect(step.owesProof).toBe(true);
          expect(Buffer.from(step.octets ?? []).includes(login.password)).toBe(false);
        },
      ),
      400,
    );
  });

  it('about a token are answered once, and what is kept of them is short and in one line', async () => {
    const token = { user: 'relay', token: 'access-token', host: 'mail.example', port: 587 };
    await holdsAsync(
      fc.asyncProperty(
        fc.constantFrom('XOAUTH2', 'OAUTHBEARER'),
        fc.oneof(challenge, fc.json().map(octetsOf)),
        async (name, given) => {
          const [mechanism] = tokenMechanisms([name]);
          const first = mechanism?.start(token);
          const second = first?.kind === 'answer' ? await first.next(given) : undefined;
          if (second?.kind !== 'answer' || second.refusal === undefined) throw new Error('no answer');
          expect(Buffer.from(second.octets ?? []).includes(token.token)).toBe(false);
          for (const words of Object.values(second.refusal))
            if (words !== null) expect(words).toMatch(/^[^\p{Cc}]{1,200}$/u);
          expect(await second.next(given)).toEqual({ kind: 'failure', failure: 'malformed' });
        },
      ),
      400,
    );
  });

  it('of SCRAM are read strictly', () => {
    holds(
      fc.property(challenge, given => {
        const first = quickly(() => parseServerFirst(given));
        if (first !== null) expect(first.iterations).toBeGreaterThan(0);
        quickly(() => parseServerFinal(given));
      }),
      2_000,
    );
  });
});

describe('what the operator types as an upstream', () => {
  it('is an address that is safe on every line, or refused with a sentence', () => {
    const url = fc.oneof(
      text,
      fc
        .tuple(fc.constantFrom('smtps', 'smtp+starttls', 'smtp+notls', 'SMTPS', 'http'), text)
        .map(parts => parts.join('://')),
      fc
        .tuple(text, fc.domain(), fc.nat(70_000))
        .map(([user, host, port]) => `smtps://${user}@${host}:${port}`),
      longText(20_000).map(host => `smtps://${host}`),
    );
    holds(
      fc.property(url, given => {
        const parsed = quickly(() => parseUpstreamUrl(given));
        if (parsed.kind === 'refused') return;
        expect(parsed.address.host).toMatch(/^[\w.:-]+$/);
        expect(parsed.address.user ?? '').not.toMatch(/\p{Cc}/u);
        expect(parsed.address.port).toBeGreaterThan(0);
      }),
      3_000,
    );
  });

  it('shows no password in a refusal', () => {
    const scheme = fc.constantFrom(
      '',
      'smtps://',
      'smtp+starttls://',
      'smtp+notls://',
      'ftp://',
      'smtps:/',
      '//',
    );
    const behind = fc.constantFrom(
      '@host.example',
      '@host.example:587',
      '',
      '@',
      '@host.example:587/x',
      '@[::1',
      ':587',
      '@host example',
    );
    holds(
      fc.property(
        scheme,
        fc.stringMatching(/^[a-z]{1,5}$/),
        fc.uuid(),
        behind,
        (begin, user, password, end) => {
          const parsed = parseUpstreamUrl(`${begin}${user}:${password}${end}`);
          if (parsed.kind === 'refused') expect(parsed.text).not.toContain(password);
        },
      ),
      1_000,
    );
  });
});
