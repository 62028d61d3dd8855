import { describe, expect, it } from 'vitest';
import { type BanPolicy, banLength, bansDue, delayOf } from '../../server/accounts/ban-decision.ts';

const MINUTE = 60_000;
const policy: BanPolicy = {
  banAfter: 20,
  banAddressAfter: 50,
  accountFailures: 100,
  window: 10 * MINUTE,
  banTime: 5 * MINUTE,
  longestBan: 24 * 60 * MINUTE,
};
const own = { isShared: false, isNeverBanned: false };
const shared = { isShared: true, isNeverBanned: false };
const trusted = { isShared: false, isNeverBanned: true };

describe('the delay of an answer', () => {
  it.each([
    [0, 0],
    [1, 0],
    [2, 1000],
    [3, 2000],
    [4, 4000],
    [5, 8000],
    [6, 8000],
    [1000, 8000],
  ])('of the %i. failure is %i ms', (failures, milliseconds) => {
    expect(delayOf({ pair: 1, address: failures, repeated: 1 }, own)).toBe(milliseconds);
    expect(delayOf({ pair: 1, address: 1, repeated: failures }, own)).toBe(milliseconds);
    expect(delayOf({ pair: 1, address: 1, repeated: failures }, shared)).toBe(milliseconds);
    expect(delayOf({ pair: 1, address: 1, repeated: failures }, trusted)).toBe(milliseconds);
  });

  it('does not depend on the neighbours at a shared address', () => {
    expect(delayOf({ pair: 1, address: 40, repeated: 1 }, shared)).toBe(0);
  });
});

describe('a ban is due', () => {
  it.each([
    ['not yet', { pair: 19, address: 49 }, own, { pair: false, address: false }],
    ['for the pair', { pair: 20, address: 20 }, own, { pair: true, address: false }],
    ['for the address', { pair: 1, address: 50 }, own, { pair: false, address: true }],
    ['for both', { pair: 20, address: 50 }, own, { pair: true, address: true }],
    [
      'for the pair alone where many share',
      { pair: 20, address: 50 },
      shared,
      { pair: true, address: false },
    ],
    ['never, where that was said', { pair: 20, address: 50 }, trusted, { pair: false, address: false }],
  ])('%s', (_, failures, source, expected) => {
    expect(bansDue(failures, source, policy)).toEqual(expected);
  });
});

describe('the length of a ban', () => {
  it.each([
    [0, false, 5],
    [1, false, 20],
    [2, false, 80],
    [3, false, 320],
    [4, false, 1280],
    [5, false, 1440],
    [600, false, 1440],
    [0, true, 1],
    [9, true, 1],
  ])('number %i (a success lately: %s) is %i minutes', (level, succeededLately, minutes) => {
    expect(banLength({ level, succeededLately }, policy)).toBe(minutes * MINUTE);
  });
});
