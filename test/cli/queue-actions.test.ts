// The operator's hand in the queue, as typed: what is chosen, what is said, what is asked first; export, resend, long lists.

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NewMessage } from '../../server/queue/message.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';
import { changeIn, enqueueFileIn, enqueueIn, messageOf } from './queue-bench.ts';

let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.run(['upstream', 'add', 'main', '--url', 'smtps://relay.example']);
});
beforeEach(() => change('DELETE FROM message'));
afterAll(() => line.remove());

const enqueue = (...messages: readonly NewMessage[]) => enqueueIn(line, ...messages);
const change = (sql: string) => changeIn(line, sql);
const stats = () => line.json(['queue', 'stats']);

describe('a command about many messages', () => {
  it.each([
    ['nothing chosen', [], 'Say which messages'],
    ['IDs and a filter', ['M1', '--held'], 'Give either IDs or filters'],
    ['a state that does not exist', ['--state', 'lost'], '--state takes one of'],
    ['an age that is none', ['--older-than', 'long'], '--older-than takes a time'],
    ['a size that is none', ['--larger-than', 'big'], '--larger-than takes a size'],
    ['a star in the name', ['--sender', 'scan*@x.example'], '--sender takes an address'],
    ['a star for all', ['--recipient', '*'], '--recipient takes an address'],
  ])('is wrong usage with %s', async (_, words, said) => {
    const ran = await line.run(['queue', 'delete', ...words]);
    expect(ran).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(said) });
  });

  it('takes each filter', async () => {
    await enqueue(messageOf('M1'), messageOf('M2', Buffer.alloc(5000, 'x')));
    const ids = async (...words: string[]) =>
      ((await line.json(['queue', 'list', ...words])) as readonly { id: string }[]).map(one => one.id);
    expect(await ids('--recipient', '*@X.example')).toEqual(['M1', 'M2']);
    expect(await ids('--sender', 'scanner@home.example', '--larger-than', '4K')).toEqual(['M2']);
    expect(await ids('--sender', '<>')).toEqual([]);
    await change(`UPDATE message SET queued_at = 0 WHERE id = 'M1'`);
    await change(`UPDATE message SET queued_at = 9e12 WHERE id = 'M2'`);
    expect(await ids('--older-than', '2d')).toEqual(['M1']);
    await line.run(['queue', 'hold', 'M2']);
    expect(await ids('--held')).toEqual(['M2']);
    expect(await ids('--upstream', 'main')).toEqual([]);
    await change(`UPDATE recipient SET way = (SELECT '=' || id FROM upstream) WHERE message_id = 'M1'`);
    expect(await ids('--upstream', 'MAIN')).toEqual(['M1']);
  });
});

describe('queue hold and release', () => {
  it('say how much, and show it', async () => {
    await enqueue(messageOf('M1'), messageOf('M2'));
    expect(await line.json(['queue', 'hold', 'm1'])).toEqual({ messages: 1, recipients: 1, in_flight: 0 });
    expect(await stats()).toMatchObject({ queued: 1, held: 1 });
    const shown = await line.run(['queue', 'show', 'M1']);
    expect(shown.stdout).toMatch(
      /^Held +since .* by an operator; it goes on with: postern queue release M1\.$/m,
    );
    expect((await line.run(['queue', 'list', '--held'])).stdout).toMatch(/M1 .* held +-$/m);
    expect((await line.run(['queue', 'hold', '--all'])).stdout).toBe(
      'Held: 1 recipient of 1 message. "postern queue release" lets mail go again.\n',
    );
    expect((await line.run(['queue', 'release', '--all'])).stdout).toBe(
      'Released, and due now: 2 recipients of 2 messages.\n',
    );
    expect((await line.run(['queue', 'release', '--all'])).stdout).toContain('Nothing is released by that');
    expect(await stats()).toMatchObject({ queued: 2, held: 0 });
  });

  it('warn of what is just being sent', async () => {
    await enqueue(messageOf('M1'));
    await change(`UPDATE recipient SET state = 'in_flight'`);
    const ran = await line.run(['queue', 'hold', 'M1']);
    expect(ran).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('1 recipient is just being sent'),
    });
  });
});

describe('queue bounce and delete', () => {
  it('ask on a terminal before everything goes, and not when told --yes', async () => {
    await enqueue(messageOf('M1'), messageOf('M2'));
    for (const command of ['bounce', 'delete']) {
      const refused = await line.run(['queue', command, '--all'], { answers: ['no'] });
      expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('Nothing was changed.') });
    }
    expect(await stats()).toMatchObject({ queued: 2 });
    const bounced = await line.run(['queue', 'bounce', '--all'], { answers: ['yes'] });
    expect(bounced.stdout).toBe(
      'Given up: 2 recipients of 2 messages; Postern tells their senders (once it runs).\n',
    );
    const removed = await line.run(['queue', 'delete', '--all', '--yes'], { answers: [] });
    expect(removed.stdout).toBe('Deleted: 2 recipients, and with that 2 messages.\n');
  });

  it('demand --yes for everything where nobody can be asked, but not for what a filter narrows', async () => {
    await enqueue(messageOf('M1'), messageOf('M2'));
    for (const command of ['bounce', 'delete']) {
      const refused = await line.run(['queue', command, '--all']);
      expect(refused).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('add --yes') });
    }
    expect(await stats()).toMatchObject({ queued: 2, failed: 0 });
    expect(await line.run(['queue', 'bounce', '--all', '--recipient', 'm1@x.example'])).toMatchObject({
      status: 0,
    });
    expect(await line.run(['queue', 'delete', '--all', '--yes'])).toMatchObject({ status: 0 });
    expect(await stats()).toMatchObject({ queued: 0, failed: 0 });
  });

  it('do not ask about what was chosen', async () => {
    await enqueue(messageOf('M1'), messageOf('M2'));
    const bounced = await line.run(['queue', 'bounce', 'M1', '--silent'], { answers: [] });
    expect(bounced.stdout).toBe('Given up: 1 recipient of 1 message; nobody is told.\n');
    expect(await line.run(['queue', 'delete', '--state', 'failed'], { answers: [] })).toMatchObject({
      status: 0,
    });
    expect(await stats()).toMatchObject({ queued: 1, failed: 0 });
  });

  it('stand in the audit', async () => {
    await enqueue(messageOf('M1'));
    await line.run(['queue', 'bounce', 'M1']);
    await line.run(['queue', 'delete', 'M1']);
    const entries = (await line.json(['audit', 'list'])) as readonly { action: string }[];
    expect(entries.slice(0, 2)).toMatchObject([
      { action: 'queue.deleted', object: 'M1', actor: 'operator:tester' },
      { action: 'queue.bounced', object: 'M1', actor: 'operator:tester' },
    ]);
  });
});

describe('queue export', () => {
  const octets = Buffer.from('Subject: \u001b[2J\r\n\r\nnot UTF-8: \xff\r\n', 'latin1');

  it('gives the octets as they are stored', async () => {
    await enqueue(messageOf('M1', octets));
    const { status, stdout } = await line.run(['queue', 'export', 'm1']);
    expect(status).toBe(0);
    expect(stdout).toBe(octets.toString('latin1'));
  });

  it('makes a file for its owner alone, and replaces none unless told so', async () => {
    await enqueue(messageOf('M1', octets));
    const file = join(line.folder, 'one.eml');
    expect((await line.run(['queue', 'export', 'M1', '--output', file])).stdout).toContain('is written to');
    expect(readFileSync(file).equals(octets)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'mine');
    const refused = await line.run(['queue', 'export', 'M1', '--output', file]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('--force replaces it') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await line.run(['queue', 'export', 'M1', '--output', file, '--force'])).toMatchObject({
      status: 0,
    });
    expect(readFileSync(file).equals(octets)).toBe(true);
    expect(readdirSync(line.folder).filter(name => name.endsWith('.part'))).toEqual([]);
    const nowhere = await line.run(['queue', 'export', 'M1', '--output', join(line.folder, 'no/such.eml')]);
    expect(nowhere).toMatchObject({ status: 1, stderr: expect.stringContaining('there is no such folder') });
  });

  it('gives what is there of a damaged one, and says so', async () => {
    await enqueue(messageOf('M1', octets));
    await change(`UPDATE body SET octets = CAST('other' AS BLOB)`);
    expect(await line.run(['queue', 'export', 'M1'])).toMatchObject({
      status: 1,
      stdout: 'other',
      stderr: expect.stringContaining('is not what was accepted'),
    });
  });

  it('and resend say why there is nothing left', async () => {
    await enqueue(messageOf('M1'));
    await change(`UPDATE message SET content = 'gone'`);
    for (const command of ['export', 'resend']) {
      const ran = await line.run(['queue', command, 'M1']);
      expect(ran).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringContaining('queue.keep_content'),
      });
      expect(await line.run(['queue', command, 'NONE'])).toMatchObject({ status: 1 });
    }
  });
});

describe('queue resend', () => {
  it('queues a new message and names it', async () => {
    await enqueue(messageOf('M1'));
    await line.run(['queue', 'bounce', 'M1', '--silent']);
    const made = (await line.json(['queue', 'resend', 'm1'])) as { id: string };
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9A-Z]{17}$/),
      from: 'M1',
      recipients: ['m1@x.example'],
    });
    expect((await line.run(['queue', 'export', made.id])).stdout).toContain('Subject: M1');
    expect(await stats()).toMatchObject({ queued: 1, failed: 1 });
  });

  it('goes to others, and warns of what waits still', async () => {
    await enqueue(messageOf('M1'));
    const ran = await line.run(['queue', 'resend', 'M1', '--to', 'a@y.example', '--to', 'm1@x.example']);
    expect(ran.stdout).toContain('to 2 recipients: a@y.example, m1@x.example.');
    expect(ran.stderr).toContain('waits still, and will get it twice');
    expect(await line.run(['queue', 'resend', 'M1', '--to', 'a b@@'])).toMatchObject({ status: 2 });
  });

  it('knows where an address ends, and which are the same', async () => {
    await enqueue(messageOf('M1'));
    const to = async (...given: readonly string[]) => {
      const words = given.flatMap(one => ['--to', one]);
      return ((await line.json(['queue', 'resend', 'M1', ...words])) as { recipients: unknown }).recipients;
    };
    expect(await to('"Doe, \\", John"@y.example', 'a@y.example,b@y.example')).toEqual([
      '"Doe, \\", John"@y.example',
      'a@y.example',
      'b@y.example',
    ]);
    expect(await to('a@Y.Example', 'a@y.example', 'A@y.example')).toEqual(['a@y.example', 'A@y.example']);
    expect(await to('a@bücher.example', 'a@xn--bcher-kva.example')).toHaveLength(1);
  });

  it('copies a spool file', async () => {
    const large = Buffer.alloc(100_000, 'x');
    await enqueueFileIn(line, 'M1', large);
    const made = (await line.json(['queue', 'resend', 'M1'])) as { id: string };
    const file = join(line.folder, 'data/spool', `${made.id}.eml`);
    expect(readFileSync(file).equals(large)).toBe(true);
    await line.run(['queue', 'delete', made.id]);
    expect(existsSync(file)).toBe(false);
  });
});

describe('queue list', () => {
  const listed = async (...words: string[]) => (await line.run(['queue', 'list', ...words])).stdout;

  it('shows so many at most, from either end, and says how many there are', async () => {
    await enqueue(...['M1', 'M2', 'M3'].map(id => messageOf(id)));
    expect(await listed('--limit', '2')).toMatch(
      /M1 .*M2 .*\n\(2 of 3 messages shown, the oldest: --limit N shows more\)\n$/s,
    );
    expect(await listed('--limit', '2', '--newest')).toMatch(/M3 .*M2 .*the newest/s);
    expect(await listed('--limit', '3')).not.toContain('shown');
    expect(await line.json(['queue', 'list', '--limit', '1', '--newest'])).toMatchObject([{ id: 'M3' }]);
    expect(await line.run(['queue', 'list', '--limit', '0'])).toMatchObject({ status: 2 });
  });

  it('shows what is finished when asked', async () => {
    await enqueue(messageOf('M1'), messageOf('M2'), messageOf('M3'));
    await change(`UPDATE recipient SET state = 'relayed', settled_at = 1 WHERE message_id = 'M1'`);
    await line.run(['queue', 'bounce', 'M2']);
    expect(await listed()).toMatch(
      /M2 .*failed.*Given up by the operator\.\nM3 .*\n\(1 relayed message not shown: add --all\)\n$/s,
    );
    expect(await listed('--all')).toMatch(/M1 .*M2 .*M3 /s);
    expect(await listed('--state', 'relayed')).toMatch(/M1 /);
    const finished = await listed('--finished');
    expect(finished).toMatch(/M1 .*M2 /s);
    expect(finished).not.toContain('M3');
    expect(await line.json(['queue', 'list', '--finished'])).toMatchObject([{ id: 'M1' }, { id: 'M2' }]);
    expect(await line.json(['queue', 'list'])).toHaveLength(3);
  });
});
