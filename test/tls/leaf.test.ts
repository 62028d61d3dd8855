import { describe, expect, it } from 'vitest';
import { BUILD_DATE } from '../../server/build.ts';
import { makeSerial } from '../../server/tls/authority.ts';
import { leafValidity } from '../../server/tls/leaf.ts';

const DAY = 86_400_000;
const AUTHORITY_END = BUILD_DATE + 20 * 365.25 * DAY;

describe('how long a leaf is good', () => {
  it.each([0, 1, 100, 180])('from the build date, %i days after the build', days => {
    expect(leafValidity(BUILD_DATE + days * DAY, AUTHORITY_END).notBefore).toBe(BUILD_DATE);
  });

  it('from the build date, while the clock shows a time before it', () => {
    expect(leafValidity(0, AUTHORITY_END).notBefore).toBe(BUILD_DATE);
  });

  it.each([
    0, 200, 397, 398, 1000, 5000,
  ])('for more than half a year to come, %i days after the build', days => {
    const now = BUILD_DATE + days * DAY;
    const { notBefore, notAfter } = leafValidity(now, AUTHORITY_END);
    expect(notBefore).toBeLessThanOrEqual(now);
    expect(notAfter - now).toBeGreaterThan(200 * DAY);
    expect(notAfter - notBefore).toBeLessThanOrEqual(398 * DAY);
  });

  it('never longer than its CA', () => {
    const { notBefore, notAfter } = leafValidity(AUTHORITY_END - 10 * DAY, AUTHORITY_END);
    expect(notAfter).toBe(AUTHORITY_END);
    expect(notBefore).toBeLessThan(notAfter);
  });
});

describe('a serial number', () => {
  it.each([
    0x00, 0xff, 0x80, 0x3f,
  ])('is positive and 20 octets long, also where chance gives only %i', octet => {
    const serial = makeSerial(count => new Uint8Array(count).fill(octet));
    expect(serial).toHaveLength(20);
    expect(serial[0]).toBeGreaterThanOrEqual(0x40);
    expect(serial[0]).toBeLessThan(0x80);
  });
});
