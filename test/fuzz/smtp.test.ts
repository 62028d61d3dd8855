// What a client says before any login: commands, addresses, parameters, names. Every octet sequence gives a value, in
// bounded time, and what is accepted is safe wherever it is written later.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReceived } from '../../server/message/received.ts';
import { networkOf, parseClientAddress, parseNetwork } from '../../server/smtp/address.ts';
import { parseCommand } from '../../server/smtp/command.ts';
import { parseMail, parseRcpt } from '../../server/smtp/envelope.ts';
import { parseHello } from '../../server/smtp/hello.ts';
import { parseMailParameters, parseRcptParameters } from '../../server/smtp/parameters.ts';
import { parsePath } from '../../server/smtp/path.ts';
import { formatReply } from '../../server/smtp/reply.ts';
import { replies, say } from '../../server/smtp/reply-table.ts';
import { holds, quickly } from './fuzz.ts';
import { longText, octetsOf, text } from './octets.ts';

const HOST = 'postern.test';
/** What a session hands over at most (AUTH lines), and some more. */
const LONGEST = 16_384;
const anyText = fc.oneof({ weight: 9, arbitrary: text }, { weight: 1, arbitrary: longText(LONGEST) });
const anyOctets = anyText.map(octetsOf);

/** What may stand in a header, an envelope command or a log line without being taken for anything else. */
const SAFE_PATH = /^[^\p{Cc}\p{Zl}\p{Zp}<>]*$/u;

describe('a command line', () => {
  it('is a verb of printable ASCII and an argument that is part of it', () => {
    holds(
      fc.property(anyOctets, line => {
        const { verb, argument } = quickly(() => parseCommand(line));
        expect(verb).toMatch(/^[!-~]*$/);
        expect(line.includes(Buffer.from(argument))).toBe(true);
      }),
      2_000,
    );
  });
});

describe('an address', () => {
  it('is refused with a sentence, or has one canonical form that is read as itself', () => {
    holds(
      fc.property(anyText, given => {
        const path = quickly(() => parsePath(Buffer.from(given, 'latin1').toString('utf8'), HOST));
        if ('kind' in path) {
          expect(path.text).toMatch(/^[ -~]{10,200}$/);
          return;
        }
        expect(Buffer.byteLength(path.text)).toBeLessThanOrEqual(254);
        expect(path.text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(parsePath(path.text, 'other.test')).toEqual(path);
        expect(path.smtputf8).toBe(/\P{ASCII}/u.test(path.text));
      }),
      5_000,
    );
  });

  it('in MAIL and RCPT can end no command and no header', () => {
    const argument = fc.oneof(
      anyOctets,
      text.map(inside => octetsOf(`FROM:<${inside}>`)),
      text.map(inside => octetsOf(`TO:<"${inside}"@example.net>`)),
      text.map(inside => octetsOf(`FROM:<a@example.net> ${inside}`)),
    );
    holds(
      fc.property(argument, given => {
        for (const parse of [parseMail, parseRcpt]) {
          const parsed = quickly(() => parse(given, HOST));
          if (parsed.kind === 'refused')
            expect(formatReply(say(replies.badArguments, { reason: parsed.text }))).toMatch(
              /^501 [ -~]+\r\n$/,
            );
          else expect(parsed.path.text.replace(/^".*"@/u, '"q"@')).toMatch(SAFE_PATH);
        }
      }),
      5_000,
    );
  });
});

describe('parameters', () => {
  it('are read or refused by name, whatever stands there', () => {
    holds(
      fc.property(anyText, given => {
        const parsed = quickly(() => parseMailParameters(given));
        if (parsed.kind === 'refused') expect(parsed.text).toMatch(/^[ -~]{5,120}$/);
        else {
          const { size, dsn } = parsed.values;
          expect(size === null || (size >= 0 && Number.isFinite(size))).toBe(true);
          expect(dsn.envelopeId ?? '').toMatch(/^[ -~]{0,100}$/);
        }
        const ofRcpt = quickly(() => parseRcptParameters(given));
        if (ofRcpt.kind === 'refused') expect(ofRcpt.text).toMatch(/^[ -~]{5,120}$/);
        else expect(ofRcpt.values.originalRecipient ?? 'x;').toMatch(/^[!-:<-~]+;\P{Cc}*$/u);
      }),
      3_000,
    );
  });
});

describe('the name in EHLO', () => {
  it('is one short line, and stays within one clause of Received', () => {
    holds(
      fc.property(anyOctets, argument => {
        const helloName = quickly(() => parseHello(argument));
        expect(helloName).toMatch(/^[^\p{Cc}]{0,255}$/u);
        const received = formatReceived(
          {
            helloName,
            address: null,
            showAddress: true,
            tls: null,
            authenticated: true,
            extended: true,
            smtputf8: false,
          },
          { hostname: HOST, id: 'ID', receivedAt: 0 },
        );
        expect(received).toMatch(
          /^Received: from [!-'*-:<-~]+\r\n\tby postern\.test with ESMTPA id ID;\r\n\t[ -~]+\r\n$/,
        );
      }),
      3_000,
    );
  });
});

describe('an address of a client, and a network', () => {
  it('is none, or is written so that it is read as itself', () => {
    const written = fc.oneof(
      anyText,
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(140)).map(([address, bits]) => `${address}/${bits}`),
    );
    holds(
      fc.property(written, given => {
        const address = quickly(() => parseClientAddress(given));
        if (address !== null) {
          expect(parseClientAddress(address.text)).toEqual(address);
          expect(address.literal).toMatch(/^\[[\dA-Fa-f.:IPv]+\]$/);
        }
        const network = quickly(() => parseNetwork(given));
        if (network !== null) expect(parseNetwork(network.text)?.text).toBe(network.text);
      }),
      3_000,
    );
  });

  it('contains exactly the addresses that share its first bits', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    holds(
      fc.property(address, address, fc.nat(32), (one, other, bits) => {
        const [client, stranger] = [parseClientAddress(one), parseClientAddress(other)];
        if (client === null || stranger === null) throw new Error(`no address: ${one} ${other}`);
        const network = parseNetwork(`${client.text}/${bits}`);
        expect(network?.contains(client)).toBe(true);
        const shares =
          client.version === stranger.version && networkOf(client, bits) === networkOf(stranger, bits);
        expect(network?.contains(stranger)).toBe(shares);
      }),
      1_000,
    );
  });
});

describe('a reply', () => {
  it('is one line of at most 512 octets, whatever is put into it', () => {
    holds(
      fc.property(anyText, given => {
        for (const row of Object.values(replies)) {
          const filled = say(row, {
            hostname: given,
            reason: given,
            challenge: given,
            sender: given,
            when: given,
          });
          expect(formatReply(filled)).toMatch(/^\d{3} [^\r\n\0]{0,506}\r\n$/);
        }
      }),
      200,
    );
  });
});
