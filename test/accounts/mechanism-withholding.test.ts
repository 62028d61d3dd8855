import { beforeEach, describe, expect, it } from 'vitest';
import { createMechanismWithholding, pretendedLacks } from '../../server/accounts/mechanism-withholding.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { createWithheldMechanisms } from '../../server/storage/withheld-mechanisms.ts';
import { createMovableClock, type MovableClock } from './support.ts';

const DAY = 86_400_000;
const here = addressOf('192.0.2.1');
const elsewhere = addressOf('192.0.2.2');

function addressOf(text: string) {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
}

let clock: MovableClock;
/** Account and mechanism that do not go together. */
let useless: Set<string>;
/** Several accounts log in from `here`. */
let shared: boolean;
beforeEach(() => {
  shared = false;
  clock = createMovableClock();
  useless = new Set();
});

function open(kept = createWithheldMechanisms([]), most = 10) {
  return createMechanismWithholding({
    kept,
    keyOf: address => address.text,
    cannotUse: (accountId, mechanism) => useless.has(`${accountId} ${mechanism}`),
    isShared: key => shared && key === here.text,
    clock,
    most,
  });
}

const login = (mechanism: string, cannotUse: boolean, accountId: string | null = 'A', nameTag = 'zzz') => ({
  mechanism,
  address: here,
  cannotUse,
  accountId,
  nameTag,
});

describe('a mechanism that an account cannot use', () => {
  it('is not offered to that address for three days', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', true));
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
    expect(withholding.isWithheld('CRAM-MD5', elsewhere)).toBe(false);
    expect(withholding.isWithheld('SCRAM-SHA-256', here)).toBe(false);
    clock.move(3 * DAY - 1);
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
    clock.move(1);
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
  });

  it('is offered again as soon as the account can use it', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', true));
    useless.clear();
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
  });

  it.each(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'])('is the one that it is narrowed out of: %s', narrowed => {
    const withholding = open();
    useless.add(`A ${narrowed}`);
    withholding.refused(login(narrowed, true));
    const withheld = ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'].filter(one => withholding.isWithheld(one, here));
    expect(withheld).toEqual([narrowed]);
  });

  it('is listed where several accounts log in, as long as they do', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', true));
    shared = true;
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
    shared = false;
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
  });

  it('is listed where it works for another, now or lately', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.succeeded('CRAM-MD5', elsewhere);
    withholding.succeeded('PLAIN', here);
    withholding.refused(login('CRAM-MD5', true));
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
    withholding.succeeded('CRAM-MD5', here);
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
    clock.move(30 * DAY);
    withholding.refused(login('CRAM-MD5', true));
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
  });

  it('is remembered to work at only so many addresses', () => {
    const withholding = open(undefined, 2);
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', true));
    withholding.succeeded('CRAM-MD5', here);
    for (const n of [2, 3]) withholding.succeeded('CRAM-MD5', addressOf(`192.0.2.${n}`));
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(true);
  });

  it('is withheld with and without channel binding alike', () => {
    const withholding = open();
    useless.add('A SCRAM-SHA-256').add('A SCRAM-SHA-256-PLUS');
    withholding.refused(login('SCRAM-SHA-256-PLUS', true));
    expect(withholding.isWithheld('SCRAM-SHA-256', here)).toBe(true);
    expect(withholding.isWithheld('SCRAM-SHA-256-PLUS', here)).toBe(true);
  });

  it('is offered all the same where the password was merely wrong', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', false));
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
  });

  it.each(['PLAIN', 'LOGIN'])('is offered for ever if it is %s', mechanism => {
    const withholding = open();
    useless.add(`A ${mechanism}`);
    withholding.refused(login(mechanism, true));
    expect(withholding.isWithheld(mechanism, here)).toBe(false);
  });

  it('is not withheld for longer by a clock that was set back', () => {
    const withholding = open();
    useless.add('A CRAM-MD5');
    withholding.refused(login('CRAM-MD5', true));
    clock.move(-DAY);
    expect(withholding.isWithheld('CRAM-MD5', here)).toBe(false);
  });
});

describe('a name that is no account', () => {
  const tags = Array.from({ length: 4096 }, (_, n) =>
    Buffer.of(n >> 4, (n & 15) << 4, 0).toString('base64url'),
  );
  const tried = (mechanism: string, nameTag: string) => {
    const withholding = open();
    withholding.refused(login(mechanism, false, null, nameTag));
    return ['CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'PLAIN'].filter(one =>
      withholding.isWithheld(one, here),
    );
  };

  it('lacks nothing, CRAM-MD5, SCRAM or both, always the same', () => {
    const patterns = tags.map(tag => pretendedLacks(tag).join(' '));
    const shareOf = (pattern: string) => patterns.filter(one => one === pattern).length / patterns.length;
    expect(shareOf('CRAM-MD5')).toBe(1 / 16);
    expect(shareOf('CRAM-MD5 SCRAM-SHA-256 SCRAM-SHA-256-PLUS')).toBe(1 / 32);
    expect(shareOf('SCRAM-SHA-256 SCRAM-SHA-256-PLUS')).toBe(1 / 32);
    expect(shareOf('')).toBe(7 / 8);
    expect(pretendedLacks('')).toEqual([]);
  });

  it('has withheld what it lacks, once that was tried', () => {
    const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'];
    for (const tag of tags.filter((_, n) => n % 64 === 0)) {
      const lacks = pretendedLacks(tag);
      expect(tried('CRAM-MD5', tag)).toEqual(lacks.filter(one => one === 'CRAM-MD5'));
      for (const mechanism of scram)
        expect(tried(mechanism, tag)).toEqual(lacks.filter(one => one !== 'CRAM-MD5'));
      expect(tried('PLAIN', tag)).toEqual([]);
    }
  });
});

it('only so many are remembered', () => {
  const kept = createWithheldMechanisms([], 2);
  const withholding = open(kept);
  for (const account of ['A', 'B', 'C']) {
    useless.add(`${account} CRAM-MD5`);
    withholding.refused(login('CRAM-MD5', true, account));
  }
  expect(kept.at('192.0.2.1').map(({ accountId }) => accountId)).toEqual(['B', 'C']);
});
