// The AUTH dialogue line by line. `>` is what the client sends, `<` what the exchange asks for next.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_NAME, MAX_PASSWORD } from '../../server/sasl/credential-length.ts';
import { decodeText } from '../../server/sasl/credential-text.ts';
import { encodeBase64 } from '../../server/sasl/decode.ts';
import { beginExchange, type ExchangeStep, MAX_EXCHANGE_LINE } from '../../server/sasl/exchange.ts';
import { challenge, type Mechanism, passwordCredentials } from '../../server/sasl/mechanism.ts';
import { MECHANISM_NAMES, mechanisms } from '../../server/sasl/mechanisms.ts';
import { base64, contextWith, lastStep, octets as line, steps } from './exchange-context.ts';

/** Plays the argument of AUTH and then lines; returns the challenges and the end. */
function play(argument: string, ...lines: readonly string[]): readonly string[] {
  return steps(argument, lines).map(describeStep);
}

function describeStep(step: ExchangeStep): string {
  if (step.kind === 'challenge') return `334 ${step.text}`;
  if (step.kind === 'refused') return step.refusal;
  if (step.kind === 'complete' || step.credentials.kind !== 'password') return step.kind;
  return `${decodeText(step.credentials.name)} / ${decodeText(step.credentials.password)}`;
}

const USERNAME = '334 VXNlcm5hbWU6';
const PASSWORD = '334 UGFzc3dvcmQ6';

describe('PLAIN vectors', () => {
  it.each([
    ['RFC 4954 §4.1', 'dGVzdAB0ZXN0ADEyMzQ=', 'test / 1234'],
    ['RFC 4616 §4', 'AHRpbQB0YW5zdGFhZnRhbnN0YWFm', 'tim / tanstaaftanstaaf'],
    ['UTF-8', 'AGrDvHJnZW4AcMOkJCR3w7ZyZOKCrA==', 'jürgen / pä$$wörd€'],
    ['Latin-1', 'AGr8cmdlbgBw5CQkd/ZyZA==', 'jürgen / pä$$wörd'],
    ['windows-1252', 'AGp1cmdlbgBw5CQkd/ZyZIA=', 'jurgen / pä$$wörd€'],
    ['plain ASCII', 'AHVzZXIAcGVuY2ls', 'user / pencil'],
  ])('%s', (_, token, credentials) => {
    expect(play(`PLAIN ${token}`)).toEqual([credentials]);
    expect(play('PLAIN', token)).toEqual(['334 ', credentials]);
  });

  it('refuses to act for another account (RFC 4616 §4)', () => {
    expect(play(`PLAIN ${base64('Ursel\0Kurt\0xipj3plmq')}`)).toEqual(['authorization']);
  });

  it('takes an authzid that is the name in another spelling, or that stands alone', () => {
    expect(play(`PLAIN ${base64('JU\u0308RGEN\0jürgen\0pw')}`)).toEqual(['jürgen / pw']);
    expect(play(`PLAIN ${base64('tim\0\0pw')}`)).toEqual(['tim / pw']);
  });

  it.each([
    ['no NUL', 'timpw'],
    ['one NUL', 'tim\0pw'],
    ['three NULs', '\0tim\0p\0w'],
    ['nothing', ''],
  ])('%s is malformed', (_, message) => {
    expect(play('PLAIN', base64(message)).at(-1)).toBe('malformed');
  });

  it.each([
    ['no name', '\0\0pw'],
    ['no password', '\0tim\0'],
    ['neither', '\0\0'],
  ])('%s fails as wrong credentials do', (_, message) => {
    expect(play(`PLAIN ${base64(message)}`)).toEqual(['credentials']);
  });
});

describe('LOGIN vectors', () => {
  it('asks for name and password with the exact prompts', () => {
    expect(play('LOGIN', 'dGlt', 'dGFuc3RhYWZ0YW5zdGFhZg==')).toEqual([
      USERNAME,
      PASSWORD,
      'tim / tanstaaftanstaaf',
    ]);
  });

  it('takes the name as initial response', () => {
    expect(play('LOGIN dGlt', 'dGFuc3RhYWZ0YW5zdGFhZg==')).toEqual([PASSWORD, 'tim / tanstaaftanstaaf']);
  });

  it('reads UTF-8', () => {
    expect(play('LOGIN', 'asO8cmdlbg==', 'cMOkJCR3w7ZyZOKCrA==').at(-1)).toBe('jürgen / pä$$wörd€');
  });

  it('asks for the password after an empty name, and then fails', () => {
    expect(play('LOGIN', '', base64('pw'))).toEqual([USERNAME, PASSWORD, 'credentials']);
    expect(play('LOGIN =', base64('pw'))).toEqual([PASSWORD, 'credentials']);
  });

  it('fails after an empty password', () => {
    expect(play('LOGIN', 'dGlt', '')).toEqual([USERNAME, PASSWORD, 'credentials']);
  });

  it('asks for the password after a name with NUL, and then fails', () => {
    expect(play('LOGIN', base64('tim\0'), base64('pw'))).toEqual([USERNAME, PASSWORD, 'malformed']);
  });
});

describe('what is longer than any name or password', () => {
  const longest = 'n'.repeat(MAX_NAME);
  const long = `${longest}n`;
  const password = 'p'.repeat(MAX_PASSWORD);
  const proof = 'b913a602c7eda7a495b4e6e7334d3890';

  it.each([
    ['PLAIN', [`\0${long}\0pw`], [`\0${longest}\0${password}`]],
    ['PLAIN', [`${long}\0\0pw`], [`${longest}\0\0pw`]],
    ['PLAIN', [`${long}\0${long}\0pw`], [`${longest}\0${longest}\0pw`]],
    ['PLAIN', [`\0tim\0${password}p`], [`\0tim\0${password}`]],
    ['LOGIN', [long, 'pw'], [longest, 'pw']],
    ['LOGIN', ['tim', `${password}p`], ['tim', password]],
    ['CRAM-MD5', [`${long} ${proof}`], [`${longest} ${proof}`]],
  ])('%s: fails as wrong credentials do', (mechanism, tooLong, allowed) => {
    expect(lastStep(mechanism, tooLong.map(base64))).toMatchObject({ refusal: 'credentials' });
    expect(lastStep(mechanism, allowed.map(base64)).kind).toBe('credentials');
  });

  it.each([
    ['name', `n,,n=${long},r=abc`],
    ['authzid', `n,a=${long},n=tim,r=abc`],
  ])('SCRAM-SHA-256: a %s, before anything is computed from it', (_, message) => {
    const scramSalt = () => {
      throw new Error('a salt was computed');
    };
    expect(describeStep(lastStep(`SCRAM-SHA-256 ${base64(message)}`, [], { scramSalt }))).toBe('credentials');
    expect(play(`SCRAM-SHA-256 ${base64(`n,a=${longest},n=${longest},r=abc`)}`).at(-1)).toMatch(/^334 /);
  });
});

describe('the dialogue', () => {
  it('takes blanks and letter case as they come', () => {
    expect(play('  plain  AHVzZXIAcGVuY2ls  ')).toEqual(['user / pencil']);
    expect(play('login ')).toEqual([USERNAME]);
  });

  it('knows why it ends', () => {
    expect(play('')).toEqual(['syntax']);
    expect(play('PLAIN AHVzZXIAcGVuY2ls more')).toEqual(['syntax']);
    expect(play('GSSAPI')).toEqual(['unknown-mechanism']);
    expect(play('PLAIN= AHVzZXIAcGVuY2ls')).toEqual(['unknown-mechanism']);
    expect(play('PLAIN AHVzZXIAcGVuY2l')).toEqual(['undecodable']);
    expect(play('PLAIN *')).toEqual(['undecodable']);
    expect(play('PLAIN =')).toEqual(['malformed']);
    expect(play('PLAIN', '*')).toEqual(['334 ', 'cancelled']);
    expect(play('PLAIN', '=')).toEqual(['334 ', 'undecodable']);
    expect(play('LOGIN', '*')).toEqual([USERNAME, 'cancelled']);
    expect(play('LOGIN', 'dGlt', '*')).toEqual([USERNAME, PASSWORD, 'cancelled']);
    expect(play('LOGIN', 'tim')).toEqual([USERNAME, 'undecodable']);
    expect(play('LOGIN', 'dGlt', 'dGlt=\xfc')).toEqual([USERNAME, PASSWORD, 'undecodable']);
  });

  it('names the mechanism only where it is one of ours: an unknown word may be a password', () => {
    expect(beginExchange('hunter2', mechanisms, contextWith())).toMatchObject({ mechanism: null });
    expect(beginExchange('plain !', mechanisms, contextWith())).toMatchObject({ mechanism: 'PLAIN' });
  });

  it('finds only what is offered', () => {
    const plainOnly = mechanisms.filter(mechanism => mechanism.name === 'PLAIN');
    expect(describeStep(beginExchange('LOGIN', plainOnly, contextWith()))).toBe('unknown-mechanism');
  });

  it('takes responses of 12 288 octets, initial or not, and not one more', () => {
    const longest = base64(`\0tim\0${'x'.repeat((MAX_EXCHANGE_LINE / 4) * 3 - 5)}`);
    expect(longest).toHaveLength(MAX_EXCHANGE_LINE);
    expect(play('PLAIN', longest).at(-1)).toBe('credentials');
    expect(play('PLAIN', `${longest}A`).at(-1)).toBe('line-too-long');
    expect(play('LOGIN', 'dGlt', `${longest}A`).at(-1)).toBe('line-too-long');
    expect(play(`PLAIN ${longest}`)).toEqual(['credentials']);
    expect(play(`PLAIN ${longest}A`)).toEqual(['line-too-long']);
  });

  it('serves a mechanism in which the server speaks first', () => {
    const echo: Mechanism = {
      name: 'ECHO',
      serverFirst: true,
      start: () => challenge(line('one'), one => challenge(one, two => passwordCredentials(one, two))),
    };
    expect(describeStep(beginExchange('ECHO dGlt', [echo], contextWith()))).toBe(
      'unexpected-initial-response',
    );
    let step = beginExchange('echo', [echo], contextWith());
    for (const answer of ['tim', 'pw']) {
      if (step.kind !== 'challenge') throw new Error('no challenge');
      step = step.next(line(base64(answer)));
    }
    expect(describeStep(step)).toBe('tim / pw');
  });

  it('never throws, and ends within three lines', () => {
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.uint8Array().map(octets => line(encodeBase64(octets))),
    );
    const argument = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.constantFrom(...MECHANISM_NAMES), fc.base64String()).map(parts => parts.join(' ')),
    );
    fc.assert(
      fc.property(argument, anything, anything, anything, (text, one, two, three) => {
        let step = beginExchange(text, mechanisms, contextWith());
        for (const answer of [one, two, three]) if (step.kind === 'challenge') step = step.next(answer);
        expect(step.kind).not.toBe('challenge');
      }),
    );
  });
});
