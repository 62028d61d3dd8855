// `postern alert`: channels that are added, tried, listed and removed, against a real receiver; and what was raised.

import { createHmac } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putAlert } from '../../server/notification/alert-statements.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { type HttpServer, startHttpServer } from '../notification/http-server.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const add = (...words: readonly string[]) => ['alert', 'channel', 'add', ...words];

async function withWebhook(name: string): Promise<Readonly<{ server: HttpServer; secret: string }>> {
  const server = await startHttpServer();
  const added = JSON.parse(
    (await line.run([...add(name, '--webhook', `${server.origin}/PATH-SECRET`), '--json'])).stdout,
  );
  return { server, secret: added.secret };
}

describe('without a channel', () => {
  it('a test says that alerts go only to the log', async () => {
    const ran = await line.run(['alert', 'test', '--json']);
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toEqual({ ok: false, channels: [] });
    expect(ran.stderr).toMatch(/There is no alert channel/);
  });
});

describe('a webhook', () => {
  it('is given a secret that is shown once, and with which its messages are signed', async () => {
    const { server, secret } = await withWebhook('hook');
    expect(secret).toMatch(/^[\w-]{43}$/);
    const ran = await line.run(['alert', 'channel', 'test', 'HOOK', '--json']);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const host = new URL(server.origin).host;
    expect(JSON.parse(ran.stdout)).toEqual({
      ok: true,
      channels: [{ name: 'hook', kind: 'webhook', ok: true, text: `${host} took it (200)` }],
    });
    const [received] = server.received;
    const signed = `${received?.headers['x-postern-timestamp']}.${received?.body}`;
    expect(received?.headers['x-postern-signature']).toBe(
      `sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`,
    );
    expect(JSON.parse(received?.body ?? '')).toMatchObject({ kind: 'test', severity: 'info', count: 1 });
    const listed = (await line.run(['alert', 'channel', 'list', '--json'])).stdout;
    expect(JSON.parse(listed)).toEqual([
      {
        id: expect.any(String),
        name: 'hook',
        kind: 'webhook',
        to: `${server.origin}/…`,
        detail: 'minimal',
        created_at: expect.stringMatching(/Z$/),
        last_sent_at: expect.stringMatching(/Z$/),
        last_error: null,
        last_error_at: null,
      },
    ]);
    const shown = (await line.run(['alert', 'channel', 'list'])).stdout;
    for (const text of [listed, shown]) expect(text).not.toMatch(/PATH-SECRET/);
    expect(listed + shown).not.toContain(secret);
    expect(await line.json(['alert', 'channel', 'remove', 'hook'])).toEqual({
      name: 'hook',
      kind: 'webhook',
      removed: true,
    });
  });

  it('takes its secret, its URL or both from where no other user sees them', async () => {
    const url = 'https://hooks.example.net/PATH-SECRET';
    const given = await line.run(add('a', '--webhook', url, '--secret-stdin'), {
      stdin: 'my own long secret\n',
    });
    expect(given).toMatchObject({ status: 0, stderr: '' });
    expect(given.stdout).not.toMatch(/secret/i);
    expect((await line.run(add('b', '--webhook', '-'), { stdin: `${url}\n` })).status).toBe(0);
    const file = join(line.folder, 'secret.txt');
    writeFileSync(file, 'my own long secret\n');
    expect(
      (await line.run(add('c', '--webhook', '-', '--secret-file', file), { stdin: `${url}\n` })).status,
    ).toBe(0);
    expect(await line.json(['alert', 'channel', 'list'])).toMatchObject([
      { name: 'a', to: 'https://hooks.example.net/…' },
      { name: 'b', to: 'https://hooks.example.net/…' },
      { name: 'c', to: 'https://hooks.example.net/…' },
    ]);
    for (const name of ['a', 'b', 'c']) await line.json(['alert', 'channel', 'remove', name]);
  });
});

describe('a test of all channels', () => {
  it('says for each what happened, queues mail, and exits with 1 where one failed', async () => {
    const { server } = await withWebhook('broken');
    server.answerWith(response => response.writeHead(404).end());
    const added = await line.run(add('mail', '--email', 'anna@example.net', '--from', 'postern@example.net'));
    expect(added.stderr).toMatch(/warning: There is no upstream yet/);
    const ran = await line.run(['alert', 'test', '--json']);
    expect(ran.status).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      channels: [
        { name: 'broken', ok: false, text: expect.stringMatching(/knows no such address \(404\)/) },
        { name: 'mail', ok: true, text: expect.stringMatching(/^queued as \w+ for anna@example\.net$/) },
      ],
    });
    expect(ran.stderr).toMatch(/^postern: The alert channel broken does not work: .*\n$/);
    expect(await line.json(['queue', 'list'])).toMatchObject([
      {
        account: null,
        reverse_path: 'postern@example.net',
        recipients: [{ forward_path: 'anna@example.net' }],
      },
    ]);
    expect(await line.json(['alert', 'channel', 'list'])).toMatchObject([
      {
        name: 'broken',
        last_error: expect.stringMatching(/404/),
        last_error_at: expect.stringMatching(/Z$/),
        last_sent_at: null,
      },
      { name: 'mail', to: 'anna@example.net', from: 'postern@example.net', detail: 'full', last_error: null },
    ]);
    expect((await line.run(['alert', 'channel', 'list'])).stdout).toMatch(
      /^broken .* 20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ .*\(404\)/m,
    );
    await line.json(['alert', 'channel', 'remove', 'broken']);
    await line.json(['alert', 'channel', 'remove', 'mail']);
  });
});

describe('wrong usage', () => {
  it.each([
    [add('x'), 2, /Give one of --webhook URL, --ntfy URL and --email ADDR/],
    [add('x', '--email', 'a@example.net', '--ntfy', 'https://ntfy.sh/t'), 2, /Give one of/],
    [add('x', '--ntfy', 'https://ntfy.sh/t', '--from', 'a@example.net'), 2, /--from belongs to --email/],
    [add('x', '--ntfy', 'https://ntfy.sh/t', '--secret-stdin'), 2, /A secret belongs to --webhook/],
    [add('x', '--webhook', 'https://example.net/', '--token-stdin'), 2, /A token belongs to --ntfy/],
    [add('x', '--webhook', '-', '--secret-stdin'), 2, /Standard input can give one/],
    [
      add('x', '--webhook', 'https://example.net/', '--secret', 'abc'),
      2,
      /unknown option '--secret'.*--secret-stdin/,
    ],
    [add('x', '--email', 'a@example.net', '--full', '--minimal'), 2, /either --full or --minimal/],
    [add('x', '--webhook', 'example.net'), 1, /must begin with https/],
    [['alert', 'channel', 'remove', 'nobody'], 1, /No alert channel is called "nobody"/],
    [['alert', 'channel', 'test', 'nobody'], 1, /no alert channel named "nobody"/],
    [['alert', 'chanel', 'list'], 2, /unknown command 'chanel'/],
  ])('%j exits with %i', async (words, status, text) => {
    const ran = await line.run(words, { stdin: 'a long enough secret\n' });
    expect(ran).toMatchObject({ status, stdout: '' });
    expect(ran.stderr).toMatch(text);
  });

  it.each([[['alert']], [['alert', 'channel']]])('%j shows the help', async words => {
    const ran = await line.run(words);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(new RegExp(`^Usage: postern ${words.join(' ')} `));
  });
});

describe('alert list', () => {
  it('has what was raised, the last first', async () => {
    await line.run(['alert', 'list']);
    const path = join(line.folder, 'data', 'postern.db');
    expect(existsSync(path)).toBe(true);
    const database = await openDatabase({ path, onFatal: text => expect.unreachable(text) });
    const at = Date.UTC(2026, 10, 20);
    const one = { kind: 'disk-low', subject: '/data', text: 'The disk is low.', count: 3 } as const;
    await database.commit([
      putAlert({ ...one, firstAt: at, lastAt: at + 60_000, saidAt: at, sentAt: at }),
      putAlert({
        ...one,
        kind: 'banned',
        subject: 'x',
        firstAt: at,
        lastAt: at + 90_000,
        // To the log only.
        saidAt: at,
        sentAt: null,
        count: 1,
      }),
    ]);
    await database.close();
    expect(await line.json(['alert', 'list'])).toEqual([
      expect.objectContaining({ kind: 'banned', sent_at: null }),
      {
        kind: 'disk-low',
        subject: '/data',
        text: 'The disk is low.',
        first_at: '2026-11-20T00:00:00.000Z',
        last_at: '2026-11-20T00:01:00.000Z',
        sent_at: '2026-11-20T00:00:00.000Z',
        count: 3,
      },
    ]);
    expect((await line.run(['alert', 'list'])).stdout).toMatch(
      /LAST +COUNT +SENT +KIND +TEXT\n2026-11-20 00:01:30Z +1 +- +banned/,
    );
  });
});
