// What a `postern queue` command is about: very many IDs, and names that nobody has.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';
import { changeIn, enqueueIn, messageOf } from './queue-bench.ts';

let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.run(['account', 'add', 'Scanner', '--alias', 'scan']);
  await line.run(['upstream', 'add', 'main', '--url', 'smtps://relay.example']);
});
beforeEach(() => changeIn(line, 'DELETE FROM message'));
afterAll(() => line.remove());

describe('IDs', () => {
  /** More than SQLite takes parameters. */
  const MANY = 34_000;

  it('may be as many as a shell passes', async () => {
    await enqueueIn(line, messageOf('KEPT'));
    await changeIn(
      line,
      `INSERT INTO message (id, kind, reverse_path, body_type, smtputf8, size, content, content_hash, queued_at)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
        SELECT 'N' || i, 'mail', 'a@b.test', '7bit', 0, 1, 'gone', '', 1 FROM n`,
    );
    await changeIn(
      line,
      `INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals, age)
        SELECT id, 0, 'c@d.test', 'queued', 0, 0, 0 FROM message WHERE id <> 'KEPT'`,
    );
    const ids = Array.from({ length: MANY }, (_, i) => `N${i + 1}`);
    expect(await line.json(['queue', 'hold', ...ids])).toMatchObject({ messages: MANY, recipients: MANY });
    expect(await line.json(['queue', 'stats'])).toMatchObject({ held: MANY, queued: 1 });
  });

  it('that are unknown are named, but not all of very many', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `X${i}`);
    const few = await line.run(['queue', 'retry', ...ids.slice(0, 5)]);
    expect(few).toMatchObject({ status: 1, stderr: expect.stringContaining('"X3", "X4" in the queue') });
    const many = await line.run(['queue', 'retry', ...ids]);
    expect(many).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('"X3", "X4" (and 7 more of those given) in the queue'),
    });
  });
});

describe('a filter', () => {
  it.each([
    ['list', '--account', 'There is no account named "nobody"'],
    ['retry', '--account', 'There is no account named "nobody"'],
    ['list', '--upstream', 'There is no upstream named "nobody"'],
    ['delete', '--upstream', 'There is no upstream named "nobody"'],
  ])('of queue %s with %s of a name that nobody has says so', async (command, option, said) => {
    expect(await line.run(['queue', command, option, 'nobody'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(said),
    });
  });

  it('takes every name of an account, and one that was removed while its mail is there', async () => {
    const [account] = (await line.json(['account', 'list'])) as readonly { id: string }[];
    await enqueueIn(line, { ...messageOf('M1'), accountId: account?.id ?? '' });
    expect(await line.json(['queue', 'list', '--account', 'SCAN'])).toMatchObject([{ id: 'M1' }]);
    await line.run(['account', 'remove', 'scanner']);
    expect(await line.json(['queue', 'list', '--account', 'scanner'])).toMatchObject([{ id: 'M1' }]);
  });
});
