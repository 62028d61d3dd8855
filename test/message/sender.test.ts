import { expect, it } from 'vitest';
import { chooseFrom } from '../../server/message/sender.ts';
import { NULL_PATH, type Path, parsePath } from '../../server/smtp/path.ts';

const hostname = 'postern.lan';
const path = (text: string): Path => {
  const parsed = parsePath(text, hostname);
  if ('kind' in parsed) throw new Error(parsed.text);
  return parsed;
};

const table = [
  ["the account's sender first", 'scanner@example.net', path('apc'), 'hp', 'scanner@example.net'],
  ['then the reverse-path', null, path('apc@example.net'), 'hp', 'apc@example.net'],
  ['then the account name that is an address', null, NULL_PATH, 'hp@Example.net', 'hp@example.net'],
  ['then the account name at this host', null, NULL_PATH, 'hp', 'hp@postern.lan'],
  ['then the postmaster', null, NULL_PATH, 'HP in the hall', 'postmaster@postern.lan'],
  ['and never a sender that is no address', 'x\r\nBcc: y', path('apc@example.net'), 'hp', 'apc@example.net'],
] as const;
for (const [name, accountSender, reversePath, accountName, from] of table) {
  it(name, () => {
    expect(chooseFrom({ accountSender, reversePath, accountName, hostname })).toBe(from);
  });
}
