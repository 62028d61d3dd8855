import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanHeader } from '../../server/message/header-scan.ts';
import { formatReceived, type Handover } from '../../server/message/received.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';

const stamp = {
  hostname: 'postern.lan',
  id: '01HF7YAT5QZ3K8M2X',
  receivedAt: Date.parse('2026-11-21T09:05:00Z'),
};
const handover: Handover = {
  helloName: 'client.example',
  address: parseClientAddress('192.0.2.1'),
  showAddress: true,
  tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
  authenticated: true,
  extended: true,
  smtputf8: false,
};
const format = (changes: Partial<Handover> = {}) => formatReceived({ ...handover, ...changes }, stamp);
/** What stands between `from` and the end of that line. */
const from = (changes: Partial<Handover>) => /^Received: from (.*)\r\n/.exec(format(changes))?.[1];

describe('the Received field', () => {
  it('has the clauses of RFC 5321 in their order, folded', () => {
    expect(format()).toBe(
      [
        'Received: from client.example ([192.0.2.1])',
        '\tby postern.lan with ESMTPSA id 01HF7YAT5QZ3K8M2X',
        '\ttls TLS_AES_256_GCM_SHA384 (TLSv1.3);',
        '\tSat, 21 Nov 2026 09:05:00 +0000',
        '',
      ].join('\r\n'),
    );
  });

  it('has no tls clause without TLS', () => {
    expect(format({ tls: null })).toContain('with ESMTPA id 01HF7YAT5QZ3K8M2X;\r\n\tSat');
  });

  const protocols = [
    [{}, 'ESMTPSA'],
    [{ tls: null }, 'ESMTPA'],
    [{ authenticated: false }, 'ESMTPS'],
    [{ tls: null, authenticated: false }, 'ESMTP'],
    [{ tls: null, authenticated: false, extended: false }, 'SMTP'],
    [{ extended: false }, 'ESMTPSA'],
    [{ smtputf8: true }, 'UTF8SMTPSA'],
    [{ smtputf8: true, tls: null }, 'UTF8SMTPA'],
  ] as const;
  for (const [changes, name] of protocols) {
    it(`says ${name} for ${JSON.stringify(changes)}`, () => {
      expect(format(changes)).toContain(` with ${name} id `);
    });
  }
});

describe('the client', () => {
  const names = [
    ['PRINTER_1', 'PRINTER_1 ([192.0.2.1])'],
    ['', 'unknown ([192.0.2.1])'],
    ['[192.0.2.1]', '[192.0.2.1] ([192.0.2.1])'],
    ['192.0.2.1', '[192.0.2.1] ([192.0.2.1])'],
    ['[IPv6:2001:DB8::1]', '[IPv6:2001:db8::1] ([192.0.2.1])'],
    ['fe80::1%eth0', '[IPv6:fe80::1] ([192.0.2.1])'],
    ['HP LaserJet', 'HP?LaserJet ([192.0.2.1])'],
    ['x (y) by evil; z', 'x??y??by?evil??z ([192.0.2.1])'],
    ['x\r\nBcc: a@b', 'x??Bcc??a?b ([192.0.2.1])'],
    ['b\u00fccher', 'b?cher ([192.0.2.1])'],
  ] as const;
  for (const [helloName, text] of names) {
    it(`${JSON.stringify(helloName)} is written ${text}`, () => {
      expect(from({ helloName })).toBe(text);
    });
  }

  it('is shown with an IPv6 address, or without one that is not known', () => {
    expect(from({ address: parseClientAddress('2001:db8::5') })).toBe('client.example ([IPv6:2001:db8::5])');
    expect(from({ address: null })).toBe('client.example');
  });

  it('can be hidden, also where it names itself by its address', () => {
    expect(from({ showAddress: false })).toBe('client.example');
    for (const helloName of ['[192.0.2.1]', '192.168.1.5', '[IPv6:::1]', '::1']) {
      expect(from({ showAddress: false, helloName })).toBe('unknown');
    }
  });
});

it('is one ASCII field of short lines, whatever the client calls itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.boolean(), (helloName, showAddress) => {
      const text = format({ helloName, showAddress });
      expect(text).toMatch(/^[\t\r\n -~]*$/);
      const block = scanHeader(Buffer.from(text));
      expect(block).toMatchObject({ kind: 'header', start: 0, end: text.length, fields: { length: 1 } });
      for (const line of text.split('\r\n')) expect(line.length).toBeLessThan(300);
    }),
  );
});
