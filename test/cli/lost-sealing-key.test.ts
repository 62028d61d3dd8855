// The sealing key is lost and there is no backup: the commands lead back to a server that works.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { createKeyFile } from '../../server/storage/sealing-key.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

const secret = { stdin: 'upstream secret\n' };
const url = ['--url', 'smtps://me@relay.example', '--password-stdin'];

let line: CommandLine;
let key: string;
beforeEach(async () => {
  line = makeCommandLine();
  key = join(line.folder, 'data/sealing.key');
  await line.run(['upstream', 'add', 'main', ...url], secret);
  await line.run(['upstream', 'add', 'second', ...url], secret);
});
afterEach(() => line.remove());

async function startsAsServer(): Promise<boolean> {
  try {
    const store = await openStore({
      path: join(line.folder, 'data'),
      as: 'serve',
      allowUnsafeFilesystem: false,
      random: systemRandom,
      onFatal: text => {
        throw new Error(text);
      },
    });
    await store.close();
    return true;
  } catch {
    return false;
  }
}

describe.each([
  ['missing', () => rmSync(key), /^postern: warning: The sealing key .* is missing .*upstream remove NAME/],
  [
    'another one',
    () => {
      rmSync(key);
      createKeyFile(key, systemRandom);
    },
    /^postern: warning: The sealing key .* is not the one .*upstream remove NAME/,
  ],
  [
    'damaged',
    () => writeFileSync(key, 'version 1\n'),
    /^postern: warning: The sealing key .* is damaged: .*delete the file; then remove/,
  ],
])('a sealing key that is %s', (_, lose, said) => {
  beforeEach(lose);

  it('leaves the commands that need no key, with a warning', async () => {
    for (const words of [
      ['queue', 'list'],
      ['account', 'add', 'printer'],
      ['upstream', 'pause', 'main'],
    ]) {
      const ran = await line.run(words);
      expect(ran.status, words.join(' ')).toBe(0);
      expect(ran.stderr).toMatch(said);
      expect(ran.stderr.trim()).not.toContain('\n');
    }
    expect(await startsAsServer()).toBe(false);
  });

  it('refuses to seal, and changes nothing', async () => {
    const ran = await line.run(['upstream', 'set', 'main', '--password-stdin'], secret);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr.trim().split('\n').at(-1)).toMatch(/^postern: The sealing key /);
  });

  it('is made anew once nothing is sealed under the old one', async () => {
    if (existsSync(key)) rmSync(key);
    await line.run(['upstream', 'set', 'second', '--default']);
    expect(await line.run(['upstream', 'remove', 'main'])).toMatchObject({ status: 0 });
    expect(await startsAsServer()).toBe(false);
    expect(existsSync(key)).toBe(false);
    expect(await line.run(['upstream', 'remove', 'second'])).toMatchObject({ status: 0 });
    expect(await startsAsServer()).toBe(true);
    expect(existsSync(key)).toBe(true);
    expect(await line.run(['upstream', 'add', 'main', ...url], secret)).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(await startsAsServer()).toBe(true);
  });
});
