import { describe, expect, it } from 'vitest';
import { chooseFrom } from '../../server/message/sender.ts';
import { NULL_PATH, type Path, parsePath } from '../../server/smtp/path.ts';

const hostname = 'postern.lan';
const path = (text: string): Path => {
  const parsed = parsePath(text, hostname);
  if ('kind' in parsed) throw new Error(parsed.text);
  return parsed;
};

describe('the From that is added', () => {
  const table = [
    ["the account's sender first", 'scanner@example.net', path('apc'), 'hp', 'scanner@example.net'],
    ['then the reverse-path', null, path('apc@example.net'), 'hp', 'apc@example.net'],
    ['then the account name that is an address', null, NULL_PATH, 'hp@Example.net', 'hp@example.net'],
    ['then the account name at this host', null, NULL_PATH, 'hp', 'hp@postern.lan'],
    ['then the postmaster', null, NULL_PATH, 'HP in the hall', 'postmaster@postern.lan'],
    [
      'and never a sender that is no address',
      'x\r\nBcc: y',
      path('apc@example.net'),
      'hp',
      'apc@example.net',
    ],
  ] as const;
  it.each(table)('is %s', (_name, accountSender, reversePath, accountName, from) => {
    expect(chooseFrom({ accountSender, reversePath, accountName, hostname, permitted: null })).toBe(from);
  });
});

describe('the From that is added for an account with permitted senders', () => {
  const table = [
    ['the reverse-path, which is one', ['@example.net'], path('apc@example.net'), 'apc@example.net'],
    ['the first address that is listed', ['@*.example.net', 'ups@example.org'], NULL_PATH, 'ups@example.org'],
    ['the account name at a domain that is listed', ['@example.org'], NULL_PATH, 'hp@example.org'],
    ['none of them where no address can be made', ['@*.example.net'], NULL_PATH, 'hp@postern.lan'],
    ['the account name at this host below what is listed', ['@*.lan'], NULL_PATH, 'hp@postern.lan'],
  ] as const;
  it.each(table)('is %s', (_name, permitted, reversePath, from) => {
    expect(chooseFrom({ accountSender: null, reversePath, accountName: 'hp', hostname, permitted })).toBe(
      from,
    );
  });
});
