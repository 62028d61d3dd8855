// What EHLO lines say, and what a limit of size means.

import { describe, expect, it } from 'vitest';
import { parseCapabilities, tooLarge } from '../../server/relay/capabilities.ts';

describe('EHLO lines', () => {
  it('are read without regard to case and order', () => {
    expect(
      parseCapabilities([
        ...['8bitmime', 'size 35882577', 'Auth plain LOGIN', 'PIPELINING', 'SMTPUTF8'],
        ...['dsn', 'RequireTLS'],
      ]),
    ).toEqual({
      size: true,
      maxSize: 35_882_577,
      eightBitMime: true,
      smtputf8: true,
      pipelining: true,
      dsn: true,
      requireTls: true,
      mechanisms: ['PLAIN', 'LOGIN'],
    });
  });

  it.each([[['SIZE']], [['SIZE 0']], [['SIZE huge']], [[]]])('without a limit: %j', lines => {
    expect(parseCapabilities(lines).maxSize).toBeNull();
  });

  it('of old servers name mechanisms behind "="', () => {
    expect(parseCapabilities(['AUTH=LOGIN', 'AUTH LOGIN PLAIN']).mechanisms).toEqual(['LOGIN', 'PLAIN']);
    const odd = `AUTH PLAIN \u001b]0;x\u0007 <b> ${'X'.repeat(21)} SCRAM-SHA-256-PLUS`;
    expect(parseCapabilities([odd]).mechanisms).toEqual(['PLAIN', 'SCRAM-SHA-256-PLUS']);
  });
});

describe('a limit of size', () => {
  it('that is not stated fits everything', () => {
    expect(tooLarge(10 ** 9, parseCapabilities(['SIZE 0']))).toBeNull();
  });

  it('says how much is too much, and what to do', () => {
    const small = parseCapabilities(['SIZE 10485760']);
    expect(tooLarge(31_457_280, small)).toMatch(/30\.0 MiB.*at most 10\.0 MiB.*smaller/);
    expect(tooLarge(10_485_760, small)).toBeNull();
  });
});
