// Readers that nobody here wrote, on fields made to confuse them: whatever address one of them finds, the account that
// may send only as ok@x.example must not have got away with it.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import addressparser from 'nodemailer/lib/addressparser';
import { describe, expect, it } from 'vitest';
import { findAddresses } from '../../server/message/address-list.ts';
import { parsePath } from '../../server/smtp/path.ts';

const OK = 'ok@x.example';
const EVIL = 'evil@z.example';

const piece = fc.constantFrom(
  ...[
    '<',
    '>',
    '"',
    '"',
    '\\',
    '(',
    ')',
    '[',
    ']',
    ',',
    ';',
    ':',
    '@',
    '.',
    ' ',
    ' ',
    '\t',
    "'",
    '%',
    '!',
    'ü',
  ],
  ...[
    OK,
    EVIL,
    `<${OK}>`,
    `<${EVIL}>`,
    `"${EVIL}"`,
    'evil',
    'z.example',
    'name',
    '"name"',
    '[192.0.2.1]',
    '@r,@s:',
  ],
  ...[
    '=?utf-8?q?',
    '?=',
    '=?utf-8?q?=22?=',
    '=?utf-8?q?=40?=',
    '=?utf-8?q?=3C?=',
    '=?utf-8?q?=28?=',
    '=?utf-8?q?n?=',
  ],
  ...['=?utf-8?q?evil=40z.example?=', '=?utf-8?b?ZXZpbEB6LmV4YW1wbGU=?=', '=?utf-8?q?=5C?='],
);
const text = fc.array(piece, { maxLength: 10 }).map(pieces => pieces.join(''));
const field = fc.oneof(
  text,
  text.map(some => `${some} <${OK}>`),
  text.map(some => `${OK} ${some}`),
  fc.tuple(text, text).map(([before, after]) => `${before} <${OK}> ${after}`),
);

/** Fields that pass when only ok@x.example is permitted. */
function passing(count: number): readonly string[] {
  return fc.sample(field, count).filter(value => {
    const found = findAddresses(value);
    return found.kind === 'found' && found.paths.length > 0 && found.paths.every(path => path.text === OK);
  });
}

/** What a reader made of the field, if it could be taken for another's address. */
function others(addresses: readonly string[]): readonly string[] {
  return addresses.filter(address => {
    const path = parsePath(address, '');
    if (!('kind' in path)) return path.text !== OK;
    // No address as a whole; with a stranger's @ in it, it could be shown as one.
    return address.includes('evil') && /[^@]@[^@]/.test(address.replaceAll(OK, ''));
  });
}

describe('a field that passes means the permitted sender', () => {
  const fields = passing(20_000);

  it('often enough to say something', () => {
    expect(fields.length).toBeGreaterThan(1_000);
  });

  it('to nodemailer', () => {
    const seen = fields.map(value => ({
      value,
      others: others(addressparser(value, { flatten: true }).map(({ address }) => address)),
    }));
    expect(seen.filter(one => one.others.length > 0)).toEqual([]);
  });

  it('to a regular expression, outside of quotes', () => {
    const seen = fields.map(value => ({
      value,
      others: others(value.replace(/"[^"]*"/g, '').match(/[\w.%!'ü]+@[\w.]+/g) ?? []),
    }));
    expect(seen.filter(one => one.others.length > 0)).toEqual([]);
  });

  it.skipIf(spawnSync('python3', ['--version']).status !== 0)('to both readers of Python', () => {
    const script = join(import.meta.dirname, 'readers.py');
    const input = JSON.stringify(fields);
    const run = spawnSync('python3', [script], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    expect(run.stderr).toBe('');
    const found: readonly (readonly string[])[] = JSON.parse(run.stdout);
    const seen = fields.map((value, i) => ({ value, others: others(found[i] ?? []) }));
    expect(found).toHaveLength(fields.length);
    expect(seen.filter(one => one.others.length > 0)).toEqual([]);
  });
});
