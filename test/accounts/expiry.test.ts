import { describe, expect, it } from 'vitest';
import { parseExpiry } from '../../server/accounts/expiry.ts';

const now = Date.parse('2026-11-21T02:15:00Z');

describe('an expiry date', () => {
  it.each([
    ['2027-01-31', '2027-02-01T00:00:00Z'],
    ['2028-02-29', '2028-03-01T00:00:00Z'],
    ['2027-01-31T18:00', '2027-01-31T18:00:00Z'],
    [' 2027-01-31 18:00:30 ', '2027-01-31T18:00:30Z'],
    ['2027-01-31T18:00:00+02:00', '2027-01-31T16:00:00Z'],
    ['2027-01-31t18:00z', '2027-01-31T18:00:00Z'],
    ['90d', '2027-02-19T02:15:00Z'],
    ['1w 12h', '2026-11-28T14:15:00Z'],
    ['2020-01-01', '2020-01-02T00:00:00Z'],
  ])('%j is %s', (written, meant) => {
    expect(parseExpiry(written, now)).toBe(Date.parse(meant));
  });

  it.each([
    '',
    '90',
    '2027',
    '0d',
    '2027-02-29',
    '2027-13-01',
    '2027-01-31T25:00',
    '31.01.2027',
    'soon',
  ])('%j is none', written => {
    expect(parseExpiry(written, now)).toBeNull();
  });
});
