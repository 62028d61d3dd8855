import { beforeEach, describe, expect, it } from 'vitest';
import { createMechanismWithholding } from '../../server/accounts/mechanism-withholding.ts';
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
beforeEach(() => {
  clock = createMovableClock();
  useless = new Set();
});

function open(kept = createWithheldMechanisms([])) {
  return createMechanismWithholding({
    kept,
    keyOf: address => address.text,
    cannotUse: (accountId, mechanism) => useless.has(`${accountId} ${mechanism}`),
    clock,
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

  it('is withheld with and without channel binding alike', () => {
    const withholding = open();
    useless.add('A SCRAM-SHA-256');
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

it('EHLO does not tell which names are accounts: some that are none are treated alike, always the same', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const pretended = [...letters].filter(letter => {
    const withholding = open();
    withholding.refused(login('CRAM-MD5', false, null, `${letter}xyz`));
    return withholding.isWithheld('CRAM-MD5', here);
  });
  expect(pretended.length / letters.length).toBe(1 / 8);
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
