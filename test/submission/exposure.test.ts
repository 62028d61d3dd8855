// A password sent before TLS, with the command or out of step.

import { describe, expect, it } from 'vitest';
import { MAX_NAME } from '../../server/sasl/credential-length.ts';
import { createExposureWatch, type Exposure } from '../../server/submission/exposure.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What the watch says of AUTH with that argument and of the lines after it: the last that it said. */
function said(argument: string, ...lines: readonly string[]): string | null {
  const watch = createExposureWatch();
  const exposures: (Exposure | null)[] = [
    watch.authRefused(Buffer.from(argument)),
    ...lines.map(line => watch.unknownLine(Buffer.from(line))),
  ];
  const last = exposures.at(-1) ?? null;
  if (last === null) return null;
  return `${last.mechanism} ${last.name === null ? '?' : Buffer.from(last.name).toString()}`;
}

describe('a password in clear', () => {
  it.each([
    ['PLAIN at once', [`PLAIN ${base64('\0tim\0pw')}`], 'PLAIN tim'],
    ['PLAIN with the name as authzid', [`PLAIN ${base64('tim\0\0pw')}`], 'PLAIN tim'],
    ['PLAIN out of step', ['PLAIN', base64('\0tim\0pw')], 'PLAIN tim'],
    ['LOGIN out of step', ['LOGIN', base64('tim'), base64('pw')], 'LOGIN tim'],
    ['LOGIN with the name at once', [`LOGIN ${base64('tim')}`, base64('pw')], 'LOGIN tim'],
    ['PLAIN without a password', [`PLAIN ${base64('\0tim\0')}`], null],
    ['LOGIN before the password', ['LOGIN', base64('tim')], null],
    ['a mechanism that shows none', ['CRAM-MD5', base64('tim pw')], null],
  ] as const)('%s', (_, [argument, ...lines], exposure) => {
    expect(said(argument, ...lines)).toBe(exposure);
  });

  it('is seen with a name that is too long to be read, too', () => {
    const name = 'n'.repeat(MAX_NAME);
    expect(said(`PLAIN ${base64(`\0${name}\0pw`)}`)).toBe(`PLAIN ${name}`);
    expect(said(`PLAIN ${base64(`\0${name}n\0pw`)}`)).toBe('PLAIN ?');
    expect(said('LOGIN', base64(`${name}n`), base64('pw'))).toBe('LOGIN ?');
  });
});
