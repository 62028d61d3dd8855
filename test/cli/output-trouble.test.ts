// What the commands print, where it cannot be written whole: never a piece that is taken for everything.

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/postern.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';
import { enqueueFileIn } from './queue-bench.ts';

const CONTENT = Buffer.from(`Subject: long\r\n\r\n${'x'.repeat(3_000_000)}`);
let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.run(['upstream', 'add', 'main', '--url', 'smtps://relay.example']);
  await enqueueFileIn(line, 'M1', CONTENT);
});
afterAll(() => line.remove());

type Ran = Readonly<{ status: number | null; stdout: string; stderr: string }>;

/** Runs the program itself in a shell that has `$postern`. */
function shell(script: string): Ran {
  const postern = `'${process.execPath}' '${join(ROOT, 'bin/postern')}' --data '${join(line.folder, 'data')}'`;
  return spawnSync('sh', ['-c', script.replaceAll('$postern', postern)], {
    cwd: line.folder,
    encoding: 'utf8',
  });
}

const lines = (text: string) => text.split('\n').filter(one => one.startsWith('postern: '));

describe('output that cannot be written', () => {
  it.each([
    ['queue export M1'],
    ['queue list --json'],
    ['queue list'],
    ['queue show M1'],
    ['--help'],
  ])('fails postern %s in words', command => {
    const { status, stderr } = shell(`$postern ${command} > /dev/full`);
    expect(status).toBe(1);
    expect(lines(stderr)).toEqual([
      'postern: The output is not complete: the disk is full. What the command changed stays changed.',
    ]);
    expect(stderr).not.toContain(' at ');
  });

  it('fails though only the last piece of a file is cut short', () => {
    // 512 octets each; with room for the database, but not for all of the message.
    const { status, stderr } = shell('ulimit -f 5800; exec $postern queue export M1 > cut.eml');
    expect(stderr).toContain('The output is not complete: ');
    expect(status).toBe(1);
    expect(statSync(join(line.folder, 'cut.eml')).size).toBe(5800 * 512);
  });

  it('is no error where it goes to a file that has room, or a reader has seen enough', () => {
    expect(shell('$postern queue export M1 > whole.eml')).toMatchObject({ status: 0 });
    expect(statSync(join(line.folder, 'whole.eml')).size).toBe(CONTENT.length);
    expect(shell('$postern queue list --json >> whole.eml')).toMatchObject({ status: 0 });
    expect(statSync(join(line.folder, 'whole.eml')).size).toBeGreaterThan(CONTENT.length);
    const { stdout, stderr } = shell('{ $postern queue export M1; echo "status $?" >&2; } | head -c 5');
    expect(stdout).toBe('Subje');
    expect(stderr).toContain('status 0');
    expect(lines(stderr)).toEqual([]);
  });
});
