import { describe, expect, it } from 'vitest';
import { parseClientAddress } from '../../server/smtp/address.ts';

describe('parseClientAddress', () => {
  const table = [
    ['192.0.2.1', '192.0.2.1', '[192.0.2.1]', false],
    ['127.0.0.1', '127.0.0.1', '[127.0.0.1]', true],
    ['127.9.8.7', '127.9.8.7', '[127.9.8.7]', true],
    ['::1', '::1', '[IPv6:::1]', true],
    ['::ffff:192.0.2.1', '192.0.2.1', '[192.0.2.1]', false],
    ['::ffff:127.0.0.1', '127.0.0.1', '[127.0.0.1]', true],
    ['::FFFF:c000:201', '192.0.2.1', '[192.0.2.1]', false],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', '[IPv6:2001:db8::1]', false],
    ['fe80::1%eth0', 'fe80::1', '[IPv6:fe80::1]', false],
    ['::', '::', '[IPv6:::]', false],
  ] as const;
  for (const [written, text, literal, isLoopback] of table) {
    it(`${written} is ${literal}`, () => {
      expect(parseClientAddress(written)).toMatchObject({ text, literal, isLoopback });
    });
  }

  for (const none of [
    undefined,
    '',
    'printer',
    '1',
    '127.1',
    '0x7f.0.0.1',
    '192.0.2.256',
    '1:2',
    'a.b',
    '192.0.2.1:25',
    '[::1]',
  ]) {
    it(`${none} is none`, () => {
      expect(parseClientAddress(none)).toBeNull();
    });
  }
});
