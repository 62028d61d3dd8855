// `postern route …` on a real store.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.run(['account', 'add', 'Scanner']);
  await line.run(['account', 'add', 'nas']);
  for (const name of ['main', 'backup']) {
    await line.run(['upstream', 'add', name, '--url', `smtps://${name}.example`]);
  }
});
afterAll(() => line.remove());

const list = async () =>
  (await line.json(['route', 'list'])) as readonly { name: string; position: number }[];
const names = async () => (await list()).map(one => one.name);
const add = (name: string, ...options: readonly string[]) => line.run(['route', 'add', name, ...options]);

beforeEach(async () => {
  for (const name of await names()) await line.run(['route', 'remove', name]);
});

describe('route add', () => {
  it('keeps conditions and upstreams as they are meant', async () => {
    const words = ['--account', 'scanner', '--account', 'nas', '--sender', '*@Example.com', '--sender', '<>'];
    const sizes = ['--recipient', '@*.example.net', '--larger-than', '1M', '--up-to', '10M'];
    const to = ['--upstream', 'BACKUP,main'];
    expect(await line.json(['route', 'add', 'Big scans', ...words, ...sizes, ...to])).toEqual({
      id: expect.any(String),
      name: 'Big scans',
      position: 1,
      accounts: ['Scanner', 'nas'],
      senders: ['@example.com', '<>'],
      recipients: ['@*.example.net'],
      larger_than: 1_048_576,
      up_to: 10_485_760,
      upstreams: [
        { name: 'backup', missing: false },
        { name: 'main', missing: false },
      ],
    });
    const shown = await line.run(['route', 'show', 'big scans']);
    expect(shown.stdout).toMatch(
      /account Scanner or nas; from @example\.com or <>; to @\*\.example\.net; larger than 1\.0 MiB; at most 10\.0 MiB/,
    );
  });

  it('puts it behind the others, or where it is told to', async () => {
    await add('one', '--account', 'nas', '--upstream', 'main');
    await add('two', '--account', 'scanner', '--upstream', 'main');
    await add('first', '--sender', '<>', '--upstream', 'main', '--first');
    await add('middle', '--recipient', 'a@b.example', '--upstream', 'main', '--before', 'TWO');
    expect(await names()).toEqual(['first', 'one', 'middle', 'two']);
    expect((await list()).map(one => one.position)).toEqual([1, 2, 3, 4]);
    expect(await line.run(['route', 'move', 'first', '--last'])).toMatchObject({ status: 0 });
    expect(await line.run(['route', 'move', 'two', '--before', 'one'])).toMatchObject({ status: 0 });
    expect(await names()).toEqual(['two', 'one', 'middle', 'first']);
  });

  it.each([
    ['an upstream that does not exist', ['--upstream', 'main,nobody'], 1, /"nobody".*main, backup/],
    ['an account that does not exist', ['--account', 'nobody', '--upstream', 'main'], 1, /"nobody".*Scanner/],
    ['a pattern that is none', ['--sender', 'two words@x', '--upstream', 'main'], 1, /senders of the route/],
    ['no upstream', ['--account', 'nas'], 2, /--upstream is missing/],
    [
      'sizes that no message has',
      ['--larger-than', '2M', '--up-to', '1M', '--upstream', 'main'],
      1,
      /No message/,
    ],
    ['a size that is none', ['--larger-than', 'big', '--upstream', 'main'], 2, /500K or 10M/],
    [
      'a place that does not exist',
      ['--upstream', 'main', '--before', 'nobody'],
      1,
      /No route is called "nobody"/,
    ],
    ['two places', ['--upstream', 'main', '--before', 'x', '--first'], 2, /either/],
  ])('refuses %s, in one line', async (_what, options, status, words) => {
    const ran = await add('refused', ...options);
    expect(ran).toMatchObject({ status, stdout: '', stderr: expect.stringMatching(/^postern: [^\n]+\n$/) });
    expect(ran.stderr).toMatch(words);
    expect(await names()).toEqual([]);
  });

  it.each(['default', ' ', 'x'])('refuses the name "%s" when it cannot be used', async name => {
    await add('X', '--upstream', 'main', '--account', 'nas');
    expect(await add(name, '--upstream', 'main')).toMatchObject({ status: 1 });
  });

  it('warns of a route that is never asked', async () => {
    await add('all', '--upstream', 'main');
    const { stderr } = await add('never', '--account', 'nas', '--upstream', 'backup');
    expect(stderr).toMatch(/^postern: warning: Route never is never asked: all stands before it/);
    // Of another route only what comes of this change.
    expect((await add('other', '--account', 'nas', '--upstream', 'main', '--first')).stderr).toBe('');
    expect((await line.run(['route', 'move', 'never', '--first'])).stderr).toBe('');
    expect((await line.run(['route', 'move', 'all', '--first'])).stderr).toMatch(
      /Route never is never asked.*\n.*Route other is never asked/,
    );
  });
});

describe('route set', () => {
  it('changes what is given, and takes conditions away', async () => {
    await add('r', '--account', 'nas', '--larger-than', '1M', '--upstream', 'main');
    expect(await line.json(['route', 'set', 'R', '--account', '*', '--upstream', 'backup'])).toMatchObject({
      accounts: null,
      larger_than: 1_048_576,
      upstreams: [{ name: 'backup' }],
    });
    expect(await line.json(['route', 'set', 'r', '--larger-than', 'none'])).toMatchObject({
      larger_than: null,
    });
    expect(await line.run(['route', 'set', 'r'])).toMatchObject({ status: 2 });
    expect(await line.run(['route', 'set', 'nobody', '--up-to', '1M'])).toMatchObject({ status: 1 });
    const audit = (await line.json(['audit', 'list'])) as readonly object[];
    expect(audit).toContainEqual(
      expect.objectContaining({ action: 'route.changed', object: 'r', detail: 'accounts, upstreams' }),
    );
  });
});

describe('a route whose upstream was removed', () => {
  it('keeps its name, and is warned of until there is one again', async () => {
    const url = ['--url', 'smtps://third.example'];
    await line.run(['upstream', 'add', 'third', ...url]);
    await add('r', '--account', 'nas', '--upstream', 'third');
    const removed = await line.run(['upstream', 'remove', 'third']);
    expect(removed).toMatchObject({ status: 0, stderr: expect.stringContaining('its mail waits') });
    expect((await line.run(['route', 'list'])).stderr).toMatch(
      /^postern: warning: Route r names the upstream "third"/,
    );
    expect(await line.json(['route', 'show', 'r'])).toMatchObject({
      upstreams: [{ name: 'third', missing: true }],
    });
    // What is not changed is not looked at again.
    expect(await line.run(['route', 'set', 'r', '--up-to', '9M'])).toMatchObject({ status: 0 });
    await line.run(['upstream', 'add', 'fourth', '--url', 'smtps://fourth.example']);
    await line.run(['upstream', 'add', 'Third', ...url]);
    await line.run(['route', 'set', 'r', '--upstream', 'third,fourth']);
    for (const name of ['third', 'fourth']) await line.run(['upstream', 'remove', name]);
    expect((await line.run(['route', 'list'])).stderr).toMatch(
      /names the upstreams "third", "fourth", which do not exist/i,
    );
    await line.run(['route', 'set', 'r', '--upstream', 'main']);
    await line.run(['upstream', 'add', 'Third', ...url]);
    expect((await line.run(['route', 'list'])).stderr).toBe('');
    await line.run(['upstream', 'remove', 'third']);
  });
});

describe('route test', () => {
  const test = (...options: readonly string[]) => line.run(['route', 'test', ...options]);

  it('says which route and which upstreams', async () => {
    await add('big', '--larger-than', '10M', '--upstream', 'backup,main');
    const message = ['--account', 'scanner', '--sender', 'a@example.com', '--recipient', 'b@example.net'];
    expect(await line.json(['route', 'test', ...message, '--size', '11M'])).toEqual({
      recipient: 'b@example.net',
      route: 'big',
      upstreams: [
        { name: 'backup', state: 'ready' },
        { name: 'main', state: 'ready' },
      ],
    });
    expect((await test(...message, '--size', '11M')).stdout).toBe(
      'Route big takes it (larger than 10.0 MiB).\nIt goes to backup (ready), and if that one cannot take it, to main (ready).\n',
    );
    expect((await test(...message)).stdout).toBe(
      'No route fits: the default upstream takes it.\nIt goes to main (ready).\n',
    );
  });

  it('asks the routes about where mail to a local recipient goes', async () => {
    await line.run(['recipient', 'add', 'root', 'admin@example.net']);
    await add('admin', '--recipient', 'admin@example.net', '--upstream', 'backup');
    const { stdout } = await test('--recipient', 'root');
    expect(stdout).toMatch(/^root@\S+ is local: its mail goes to admin@example\.net\.\nRoute admin takes it/);
  });

  it.each([
    [[], 2, /--recipient is missing/],
    [['--recipient', 'x y'], 2, /no address/],
    [['--recipient', 'a@b.example', '--account', 'nobody'], 1, /no account/],
    [['--recipient', 'a@b.example', '--size', 'x'], 2, /--size/],
  ])('%j is refused', async (options, status, words) => {
    expect(await test(...options)).toMatchObject({ status, stderr: expect.stringMatching(words) });
  });
});
