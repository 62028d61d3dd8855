import { expect, it } from 'vitest';
import { isPermitted } from '../../server/message/permitted-addresses.ts';
import { parsePath } from '../../server/smtp/path.ts';

const permits = (pattern: string, address: string): boolean => {
  const path = parsePath(address, 'postern.lan');
  if ('kind' in path) throw new Error(path.text);
  return isPermitted([pattern], path);
};

const permitted: readonly (readonly [string, string])[] = [
  ['scan@example.com', 'scan@example.com'],
  // Devices write what was typed into them, and the list is the operator's own.
  ['scan@example.com', 'Scan@EXAMPLE.com'],
  ['Scan@example.com', 'scan@example.com'],
  ['jürgen@example.com', 'JÜRGEN@example.com'],
  ['jürgen@example.com', 'ju\u0308rgen@example.com'],
  ['"two words"@example.com', '"Two Words"@example.com'],
  ['scan@example.com', '"scan"@example.com'],
  ['@example.com', 'anything@example.com'],
  ['@example.com', 'anything@example.com.'],
  ['@postern.lan', 'without-domain'],
  ['@*.example.com', 'a@printers.example.com'],
  ['@*.example.com', 'a@floor2.printers.example.com'],
  ['@münchen.example', 'a@xn--mnchen-3ya.example'],
  ['@xn--mnchen-3ya.example', 'a@MÜNCHEN.example'],
  ['@*.münchen.example', 'a@scan.xn--mnchen-3ya.example'],
  ['scan@[192.0.2.1]', 'scan@[192.0.2.1]'],
];
it.each(permitted)('%s permits %s', (pattern, address) => {
  expect(permits(pattern, address)).toBe(true);
});

const refused: readonly (readonly [string, string])[] = [
  ['scan@example.com', 'scanner@example.com'],
  ['scan@example.com', 'scan@example.com.evil.example'],
  ['scan@example.com', 'scan+x@example.com'],
  ['@example.com', 'a@printers.example.com'],
  ['@example.com', 'a@notexample.com'],
  ['@*.example.com', 'a@example.com'],
  ['@*.example.com', 'a@notexample.com'],
  ['@münchen.example', 'a@munchen.example'],
  ['@1.1', 'a@1.0.0.1'],
  ['no pattern', 'no@pattern'],
  ['', 'a@b'],
];
it.each(refused)('%s does not permit %s', (pattern, address) => {
  expect(permits(pattern, address)).toBe(false);
});
