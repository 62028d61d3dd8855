// Lines for people and for other programs, made of what strangers sent: log, tables of the command line. One line stays
// one line, and a terminal that shows it obeys nothing in it.

import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { facts, quoted, table } from '../../server/cli/output.ts';
import { createLog } from '../../server/log.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { holds, seed } from './fuzz.ts';
import { longText, text } from './octets.ts';

const folder = makeScratch('fuzz-log');
const clock = { now: () => 0, monotonic: () => 0 };
/** Escape sequences, C1, DEL, and what turns the direction of text or begins a new line. */
const OBEYED = /[[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]--\n]/v;

afterAll(() => removeScratch(folder));

const field = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 5, arbitrary: text.map(given => Buffer.from(given, 'latin1').toString('utf8')) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: longText(20_000) },
);

describe('the log', () => {
  for (const format of ['json', 'text'] as const) {
    it(`as ${format} has one line for each event, and nothing that a terminal obeys`, () => {
      const path = join(folder, format);
      const descriptor = openSync(path, 'w');
      const { log, flush } = createLog({ level: 'debug', format, descriptor, clock });
      const given = fc.sample(field, { seed, numRuns: 400 });
      for (const said of given) {
        log('message.refused', { session: said, account: said, address: said, reply: said, reason: said });
        log('server.started', { listeners: [said, said], version: said });
        // What nobody has read is dropped at some point; here all is wanted.
        flush();
      }
      closeSync(descriptor);
      const written = readFileSync(path, 'utf8');
      expect(written).not.toMatch(OBEYED);
      const lines = written.split('\n').slice(0, -1);
      expect(lines).toHaveLength(2 * given.length);
      if (format === 'text') return;
      for (const [i, said] of given.entries()) {
        const line: unknown = JSON.parse(lines[2 * i] ?? '');
        // A lone surrogate is no text, so a file cannot hold it.
        expect(line).toMatchObject({
          event: 'message.refused',
          account: said.toWellFormed(),
          reason: said.toWellFormed(),
        });
      }
    });
  }
});

describe('the command line', () => {
  it('prints tables and facts of one line each, and names that a shell takes as one word', () => {
    holds(
      fc.property(fc.array(fc.tuple(field, field), { maxLength: 5 }), rows => {
        const values = rows.map(([value]) => ['Name', value] as const);
        const printed = [table(['A', 'B'], rows, 'none'), facts(values)];
        for (const lines of printed) expect(lines).not.toMatch(OBEYED);
        if (rows.length === 0) return;
        expect(printed.map(lines => lines.split('\n').length)).toEqual([rows.length + 1, rows.length]);
        for (const [name] of rows) expect(quoted(name).replace(/'[^']*'|\\'/g, '')).toMatch(/^[\w.@-]*$/);
      }),
      500,
    );
  });
});
