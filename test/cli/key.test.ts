// `postern key`: while the key is there. What happens without it: lost-sealing-key.test.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
let path: string;
beforeEach(() => {
  line = makeCommandLine();
  path = join(line.folder, 'data/sealing.key');
});
afterEach(() => line.remove());

describe('postern key', () => {
  it('shows the key in force', async () => {
    const shown = await line.json(['key', 'show']);
    expect(shown).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      path,
      written_at: expect.stringMatching(/^20/),
      lost: false,
    });
    const text = await line.run(['key', 'show']);
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(text.stdout).toMatch(/^Sealing key {2}[0-9a-f]{16}\nFile {9}\/.*\nWritten {6}20.*Z\n$/);
  });

  it('replaces it, never showing a key, and everything opens afterwards', async () => {
    await line.run(['account', 'add', 'printer']);
    await line.run(['upstream', 'add', 'main', '--url', 'smtps://me@relay.example', '--password-stdin'], {
      stdin: 'upstream secret\n',
    });
    const before = await line.json(['key', 'show']);
    const rotated = await line.run(['key', 'rotate']);
    expect(rotated).toMatchObject({ status: 0, stderr: '' });
    expect(rotated.stdout).toMatch(/^The sealing key was replaced; 4 values are sealed under the new one/);
    const keyText = /^key (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
    expect(keyText).toHaveLength(44);
    expect(rotated.stdout).not.toContain(keyText);
    expect(await line.json(['key', 'show'])).not.toEqual(before);
    expect(await line.json(['key', 'rotate'])).toMatchObject({ values: 4, path });
    expect(await line.json(['account', 'list'])).toMatchObject([{ name: 'printer' }]);
  });

  it('resets nothing', async () => {
    for (const words of [
      ['key', 'reset'],
      ['key', 'reset', '--yes'],
    ])
      expect(await line.run(words)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('there is nothing to reset'),
      });
  });
});
