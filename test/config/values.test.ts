import { describe, expect, it } from 'vitest';
import {
  formatDiskReserve,
  formatDuration,
  formatListenAddress,
  formatSize,
  isHostName,
  isLoopback,
  parseDiskReserve,
  parseDuration,
  parseListenAddress,
  parseSize,
} from '../../server/config/values.ts';

describe('a size', () => {
  it.each([
    [0, 0],
    [52_428_800, 52_428_800],
    ['1024', 1024],
    ['64 KiB', 65_536],
    ['50MiB', 52_428_800],
    ['50m', 52_428_800],
    ['1.5 GiB', 1_610_612_736],
    ['50 MB', 50_000_000],
  ])('%j is %d octets', (written, octets) => expect(parseSize(written)).toBe(octets));

  it.each([
    '',
    'MiB',
    '5 apples',
    '-1',
    '5 MiB 3',
    '0x10',
    '1e9',
    '9999999999 GiB',
    '50 MiBs',
  ])('%j is none', written => expect(parseSize(written)).toBeNull());
  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is none', written =>
    expect(parseSize(written)).toBeNull());
  it('is written with the largest unit that divides it', () => {
    expect([0, 1000, 1024, 52_428_800, 1024 ** 3].map(formatSize)).toEqual([
      '0',
      '1000',
      '1 KiB',
      '50 MiB',
      '1 GiB',
    ]);
  });
});

describe('a duration', () => {
  it.each([
    [90, 90_000],
    ['90', 90_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1h 30m', 5_400_000],
    ['4d', 345_600_000],
    ['2 W', 1_209_600_000],
    ['0s', 0],
    ['0.5s', 500],
    ['250ms', 250],
  ])('%j is %d milliseconds', (written, ms) => expect(parseDuration(written)).toBe(ms));

  it.each(['', 'm', '5 minutes', '-5m', '5m later', '1e3', '99999999999d'])('%j is none', written =>
    expect(parseDuration(written)).toBeNull());
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('%d is none', written =>
    expect(parseDuration(written)).toBeNull());
  it('is written with the largest unit that divides it', () => {
    const written = [0, 1500, 90_000, 3_600_000, 345_600_000].map(formatDuration);
    expect(written).toEqual(['0s', '1500ms', '90s', '1h', '4d']);
  });
});

describe('a disk reserve', () => {
  it.each([
    ['max(256 MiB, 5 %)', { octets: 268_435_456, share: 0.05 }],
    ['max(1GiB,10%)', { octets: 1_073_741_824, share: 0.1 }],
    ['1 MiB', { octets: 1_048_576, share: 0 }],
    ['2.5 %', { octets: 0, share: 0.025 }],
    [0, { octets: 0, share: 0 }],
  ])('%j', (written, reserve) => {
    expect(parseDiskReserve(written)).toEqual(reserve);
    expect(parseDiskReserve(formatDiskReserve(reserve))).toEqual(reserve);
  });
  it.each(['100 %', 'max(5 %, 256 MiB)', 'min(1 MiB, 5 %)', 'half'])('%j is none', written =>
    expect(parseDiskReserve(written)).toBeNull());
});

describe('a listen address', () => {
  it.each([
    ['127.0.0.1:8025', { address: '127.0.0.1', port: 8025 }],
    ['[::1]:8025', { address: '::1', port: 8025 }],
    [':8025', { address: '::', port: 8025 }],
    ['localhost:0', { address: '127.0.0.1', port: 0 }],
  ])('%j', (written, listen) => expect(parseListenAddress(written)).toEqual(listen));

  it.each([
    '8025',
    '::1:8025',
    '127.0.0.1',
    '127.0.0.1:70000',
    '[127.0.0.1]:80',
    'host.example:80',
    '127.1:80',
    ':',
  ])('%j is none', written => expect(parseListenAddress(written)).toBeNull());
  it('is written as it is read', () => {
    expect(formatListenAddress({ address: '::1', port: 25 })).toBe('[::1]:25');
    expect(formatListenAddress({ address: '10.0.0.1', port: 25 })).toBe('10.0.0.1:25');
    expect(formatListenAddress(null)).toBe('');
  });
  it('is on this machine alone for loopback only', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1'].every(isLoopback)).toBe(true);
    expect(['::', '0.0.0.0', '192.168.1.1'].some(isLoopback)).toBe(false);
  });
});

it('a host name has letters, digits, hyphens and dots', () => {
  expect(['postern', 'a.b-c.example', 'xn--mnchen-3ya.de', '1.example'].every(isHostName)).toBe(true);
  expect(
    ['', '-a', 'a-', 'a..b', '.a', 'a b', 'a_b', 'münchen.de', `${'a'.repeat(64)}.de`].some(isHostName),
  ).toBe(false);
});
