// What EHLO lines say, and what a message needs.

import { describe, expect, it } from 'vitest';
import { parseCapabilities, unsupported } from '../../server/relay/capabilities.ts';

describe('EHLO lines', () => {
  it('are read without regard to case and order', () => {
    expect(
      parseCapabilities(['8bitmime', 'size 35882577', 'Auth plain LOGIN', 'PIPELINING', 'SMTPUTF8']),
    ).toEqual({
      maxSize: 35_882_577,
      eightBitMime: true,
      smtputf8: true,
      pipelining: true,
      mechanisms: ['PLAIN', 'LOGIN'],
    });
  });

  it.each([[['SIZE']], [['SIZE 0']], [['SIZE huge']], [[]]])('without a limit: %j', lines => {
    expect(parseCapabilities(lines).maxSize).toBeNull();
  });

  it('of old servers name mechanisms behind "="', () => {
    expect(parseCapabilities(['AUTH=LOGIN', 'AUTH LOGIN PLAIN']).mechanisms).toEqual(['LOGIN', 'PLAIN']);
  });
});

describe('a message', () => {
  const nothing = parseCapabilities([]);
  const plain = { size: 10, bodyType: '7bit', smtputf8: false } as const;

  it('that needs nothing can go anywhere', () => {
    expect(unsupported(plain, nothing)).toBeNull();
  });

  it('says what is missing and what to do', () => {
    expect(unsupported({ ...plain, bodyType: '8bitmime' }, nothing)).toMatch(/8BITMIME.*encode/);
    expect(unsupported({ ...plain, smtputf8: true }, nothing)).toMatch(/SMTPUTF8.*ASCII/);
    const small = parseCapabilities(['SIZE 10485760']);
    expect(unsupported({ ...plain, size: 31_457_280 }, small)).toMatch(/30\.0 MiB.*at most 10\.0 MiB/);
    expect(unsupported({ ...plain, size: 10_485_760 }, small)).toBeNull();
  });
});
