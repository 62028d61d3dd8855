// `postern recipient …` on a real data folder.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeEach(() => {
  line = makeCommandLine();
});
afterEach(() => line.remove());

const add = (pattern: string, address = 'me@example.com') => line.run(['recipient', 'add', pattern, address]);

describe('postern recipient', () => {
  it('keeps rules in the order of adding, in canonical form', async () => {
    for (const pattern of ['Root', '@LocalDomain', '*', 'admin@*.Local']) {
      expect((await add(pattern)).status).toBe(0);
    }
    const listed = ['root', '*@localdomain', '*', 'admin@*.local'];
    expect(await line.json(['recipient', 'list'])).toEqual(
      listed.map(pattern => ({ pattern, forward_path: 'me@example.com' })),
    );
    const { stdout } = await line.run(['recipient', 'list']);
    expect(stdout).toMatch(/^RECIPIENT +GOES TO\nroot +me@example\.com\n/);
  });

  it('says where mail goes, and by which rule', async () => {
    await add('*');
    await add('root', 'admin@example.org');
    const test = (address: string) => line.json(['recipient', 'test', address]);
    expect(await test('root')).toMatchObject({ goes_to: 'admin@example.org', rule: 'root' });
    expect(await test('cron@localhost')).toMatchObject({ goes_to: 'me@example.com', rule: '*' });
    expect(await test('a@example.net')).toEqual({
      recipient: 'a@example.net',
      goes_to: 'a@example.net',
      rule: null,
    });
    expect((await line.run(['recipient', 'test', 'a b'])).status).toBe(2);
  });

  it('removes a rule, and then mail goes where it says', async () => {
    await add('*@localdomain');
    expect((await line.run(['recipient', 'remove', '@localdomain'])).status).toBe(0);
    expect(await line.json(['recipient', 'list'])).toEqual([]);
    const again = await line.run(['recipient', 'remove', '@localdomain']);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('no rule for *@localdomain') });
  });

  it.each([
    ['ro*t', 'me@example.com', 'is no pattern of recipients'],
    ['root', 'admin', 'is no whole address'],
    ['root', 'me@localhost', 'is a local address itself'],
    ['root', '<me@example.com>', 'is no whole address'],
  ])('refuses %s → %s: %s', async (pattern, address, words) => {
    expect(await add(pattern, address)).toMatchObject({ status: 1, stderr: expect.stringContaining(words) });
  });

  it('does not replace a rule unasked', async () => {
    await add('root');
    expect(await add('ROOT', 'other@example.com')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('goes to me@example.com already'),
    });
  });

  it('writes changes into the audit', async () => {
    await add('root');
    await line.run(['recipient', 'remove', 'root']);
    const entries = await line.json(['audit', 'list']);
    expect(entries).toMatchObject([
      { action: 'recipient.rule-removed', object: 'root', detail: 'me@example.com' },
      { action: 'recipient.rule-added', object: 'root', detail: 'me@example.com' },
    ]);
  });
});
