import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isForgedVerdict } from '../../server/message/authentication-results.ts';
import { completeHeader } from '../../server/message/complete.ts';
import { scanHeader } from '../../server/message/header-scan.ts';
import { facts } from './facts.ts';

const OURS = 'postern.lan';

describe('a verdict in our name', () => {
  const table = [
    ['as the RFC writes it', 'postern.lan; spf=pass smtp.mailfrom=a@b'],
    ['alone', 'postern.lan'],
    ['without results', 'postern.lan; none'],
    ['with a version', 'postern.lan 1; spf=pass'],
    ['with a version that nobody knows', 'postern.lan 99; spf=pass'],
    ['in capitals', 'POSTERN.Lan; spf=pass'],
    ['with the dot of a complete name', 'postern.lan.; spf=pass'],
    ['behind a comment', '(checked by) postern.lan; spf=pass'],
    ['behind nested comments', '(a (b\\) c) (d)) postern.lan; spf=pass'],
    ['before a comment', 'postern.lan(me); spf=pass'],
    ['with a comment before the version', 'postern.lan (v) 1 (one); spf=pass'],
    ['in quotes', '"postern.lan"; spf=pass'],
    ['in quotes, with escapes', '"pos\\tern.lan" 1; spf=pass'],
    ['with blanks around', ' \t postern.lan \t; spf=pass'],
    ['with a slash before the version', 'postern.lan/1; spf=pass'],
    ['with controls between', 'postern\0.lan; spf=pass'],
  ] as const;
  for (const [name, value] of table) {
    it(name, () => expect(isForgedVerdict(value, OURS)).toBe(true));
  }
});

describe('a verdict of somebody else', () => {
  const table = [
    ['of another host', 'mx.example.net; spf=pass smtp.mailfrom=postern.lan'],
    ['of another host, with version 1', 'mx.example.net 1; spf=pass'],
    ['of a host below ours', 'mx.postern.lan; spf=pass'],
    ['of a host that begins like ours', 'postern.lan.example.net; spf=pass'],
    ['of a host that ends like ours', 'xpostern.lan; spf=pass'],
    ['with our name in a comment', '(postern.lan) mx.example.net (postern.lan); spf=pass'],
    ['with our name in quotes that hold more', '"mx.example.net; postern.lan"; spf=pass'],
    ['of a program that writes no name at all', 'spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a@b'],
    ['with 8-bit octets beside our name', 'postern.lan\xe9; spf=pass'],
  ] as const;
  for (const [name, value] of table) {
    it(`${name} stays`, () => expect(isForgedVerdict(value, OURS)).toBe(false));
  }
});

describe('a verdict that nobody can read goes', () => {
  const table = [
    '',
    ' ',
    '; spf=pass',
    '(never ends postern.lan; spf=pass',
    '()',
    'mx.example.net 2; spf=pass',
  ];
  for (const value of table) {
    it(JSON.stringify(value), () => expect(isForgedVerdict(value, OURS)).toBe(true));
  }
});

describe('in a message', () => {
  const BASE = 'Date: x\r\nMessage-ID: <1@a>\r\nFrom: a@b\r\nMIME-Version: 1.0\r\n';
  const completed = (text: string) => {
    const octets = Buffer.from(text, 'latin1');
    const block = scanHeader(octets);
    const completion = block.kind === 'header' ? completeHeader(octets, block, facts) : null;
    if (completion?.kind !== 'completed') throw new Error('not completed');
    return Buffer.concat(completion.pieces).toString('latin1');
  };

  it('ours goes, folded and in any case of the name, wherever it stands', () => {
    const forged = [
      'Authentication-Results: postern.lan; spf=pass\r\n',
      'AUTHENTICATION-RESULTS :\r\n postern.lan\r\n\t1;\r\n spf=pass\r\n',
      'authentication-results: (a\r\n b) postern.lan; none\r\n',
    ];
    const [one = '', two = '', three = ''] = forged;
    expect(completed(`${one}${BASE}${two}Subject: s\r\n${three}\r\n`)).toMatch(
      new RegExp(`\\r\\n${BASE}Subject: s\\r\\n\\r\\n$`.replaceAll('.', '\\.')),
    );
  });

  it('others stay to the octet, and so does what only looks like one', () => {
    const kept =
      'Authentication-Results: mx.example.net;\r\n\tspf=pass\r\n' +
      'X-Authentication-Results: postern.lan; spf=pass\r\n' +
      'ARC-Authentication-Results: i=1; postern.lan; spf=pass\r\n' +
      'Subject: a\r\n Authentication-Results: postern.lan\r\n';
    const text = `${BASE}${kept}\r\nAuthentication-Results: postern.lan; in the body\r\n`;
    expect(completed(text)).toContain(`${BASE}${kept}\r\n`);
  });
});

it('reads anything, and never takes another plain host for ours', () => {
  const host = fc.domain().filter(name => name.toLowerCase() !== OURS);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), host, (junk, other) => {
      isForgedVerdict(junk, OURS);
      expect(isForgedVerdict(`${other}; spf=pass ${junk}`, OURS)).toBe(false);
      expect(isForgedVerdict(`(${other}) ${OURS};${junk}`, OURS)).toBe(true);
    }),
  );
});
