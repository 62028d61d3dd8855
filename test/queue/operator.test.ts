// The operator's hand in the queue: what each action changes, what it leaves alone, and what it does to mail in flight.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditStatement } from '../../server/audit/audit.ts';
import type { NewMessage } from '../../server/queue/message.ts';
import { createQueueOperator } from '../../server/queue/operator.ts';
import { createQueueAudit } from '../../server/queue/operator-audit.ts';
import type { QueueFilter } from '../../server/queue/operator-filter.ts';
import { claimDue, claimOne, end, recipients } from './operator-bench.ts';
import { MINUTE, NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const LATER = NOW + MINUTE;
const UNHEARD = { silent: false } as const;

async function enqueue(message: NewMessage, at = NOW): Promise<void> {
  expect(await bench.queue.enqueue(message, at)).toEqual({ kind: 'queued' });
}

const states = async () => (await recipients(bench, 'state')).map(row => row['state']);
const isHeld = async () =>
  (await bench.database.read('SELECT held_because FROM message'))[0]?.['held_because'];
const chosen = async (filter: QueueFilter) => (await bench.operator.list(filter)).map(({ id }) => id);

describe('a filter', () => {
  beforeEach(async () => {
    await enqueue(
      { ...newMessage('M1', ['a@example.net', 'b@sub.example.net']), reversePath: '' },
      NOW - MINUTE,
    );
    await enqueue(newMessage('M2', ['A@Example.net'], 'x'.repeat(2000)));
    await enqueue({ ...newMessage('M3', ['c@bücher.example']), reversePath: 'nas@home.example' });
  });

  it.each<[QueueFilter, readonly string[]]>([
    [{}, ['M1', 'M2', 'M3']],
    [{ ids: ['M3', 'M1'] }, ['M1', 'M3']],
    [{ ids: [] }, []],
    [{ ids: ['M1', 'M2'], among: ['M2', 'M3'] }, ['M2']],
    [{ recipient: 'a@EXAMPLE.net' }, ['M1', 'M2']],
    [{ recipient: '*@example.net' }, ['M1', 'M2']],
    [{ recipient: '@*.example.net' }, ['M1']],
    [{ recipient: '*@xn--bcher-kva.example' }, ['M3']],
    [{ recipient: '_@example.net' }, []],
    [{ sender: '<>' }, ['M1']],
    [{ sender: '@home.example' }, ['M3']],
    [{ queuedBefore: NOW }, ['M1']],
    [{ largerThan: 1999 }, ['M2']],
    [{ held: true }, []],
    [{ settled: true }, []],
    [{ sender: '<>', recipient: 'c@bücher.example' }, []],
  ])('%j chooses %j', async (filter, ids) => {
    expect(await chosen(filter)).toEqual(ids);
    expect(await bench.operator.count(filter)).toBe(ids.length);
  });

  it('finds what an upstream has tried, or alone may have', async () => {
    await bench.database.commit([
      {
        sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at, revision)
          VALUES ('U1', 'Gmail', 'gmail', 'smtps', 'h', 1, 1, 1, 0, 1)`,
      },
      { sql: `UPDATE recipient SET way = '=U1' WHERE message_id = 'M3'` },
      { sql: `UPDATE recipient SET upstream_id = 'U1' WHERE message_id = 'M1' AND ordinal = 1` },
    ]);
    expect(await chosen({ upstream: 'gmail' })).toEqual(['M1', 'M3']);
    expect(await chosen({ upstream: 'gmail', recipient: 'a@example.net' })).toEqual([]);
  });

  it('is about one and the same recipient', async () => {
    const claim = (await claimDue(bench)).find(({ message }) => message.id === 'M1');
    if (claim === undefined) throw new Error('M1 was not due');
    await end(bench, claim, 'failed', 'relayed');
    expect(await chosen({ state: 'failed', recipient: 'a@example.net' })).toEqual(['M1']);
    expect(await chosen({ state: 'failed', recipient: 'b@sub.example.net' })).toEqual([]);
    expect(await chosen({ settled: true })).toEqual(['M1']);
  });

  it('is listed in pages, from either end', async () => {
    expect((await bench.operator.list({}, { limit: 2 })).map(({ id }) => id)).toEqual(['M1', 'M2']);
    expect((await bench.operator.list({}, { after: 'M2' })).map(({ id }) => id)).toEqual(['M3']);
    const newest = await bench.operator.list({}, { newestFirst: true, limit: 2 });
    expect(newest.map(({ id }) => id)).toEqual(['M3', 'M2']);
    const older = await bench.operator.list({}, { newestFirst: true, after: 'M2' });
    expect(older.map(({ id }) => id)).toEqual(['M1']);
  });
});

describe('hold and release', () => {
  it('keep whole messages from being tried, whatever of them was chosen', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    await enqueue(newMessage('M2', ['c@example.net']));
    const held = await bench.operator.hold({ recipient: 'a@example.net' }, NOW);
    expect(held).toMatchObject({ messages: 1, recipients: 2, inFlight: 0 });
    expect(await isHeld()).toBe('operator');
    expect((await claimDue(bench, LATER)).map(({ message }) => message.id)).toEqual(['M2']);
    expect(await bench.operator.hold({ ids: ['M1'] }, NOW)).toMatchObject({ messages: 0, recipients: 0 });
    expect(await bench.operator.release({}, LATER)).toMatchObject({
      messages: 1,
      recipients: 2,
      inFlight: 0,
    });
    expect(await isHeld()).toBeNull();
    expect((await claimDue(bench, LATER)).map(({ message }) => message.id)).toEqual(['M1']);
    expect(await bench.operator.release({}, LATER)).toMatchObject({ messages: 0 });
  });

  it('leave the attempt under way alone; what it defers then stays held', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    const claim = await claimOne(bench);
    expect(await bench.operator.hold({}, NOW)).toMatchObject({ messages: 1, recipients: 0, inFlight: 2 });
    await end(bench, claim, 'relayed', 'deferred');
    expect(await recipients(bench, 'state, next_attempt_at')).toEqual([
      { state: 'relayed', next_attempt_at: null },
      { state: 'deferred', next_attempt_at: null },
    ]);
    expect(await claimDue(bench, NOW + 10 * MINUTE)).toEqual([]);
    await bench.operator.release({ ids: ['M1'] }, NOW);
    expect((await claimOne(bench)).recipients.map(({ forwardPath }) => forwardPath)).toEqual([
      'b@example.net',
    ]);
  });

  it('hold what was claimed and given back, and what a crash leaves in flight', async () => {
    await enqueue(newMessage('M1'));
    const claim = await claimOne(bench);
    await bench.operator.hold({}, NOW);
    await bench.queue.release(claim);
    expect(await claimDue(bench, LATER)).toEqual([]);

    await bench.operator.release({}, NOW);
    await claimOne(bench);
    await bench.operator.hold({}, NOW);
    await bench.queue.recover(NOW, 0);
    expect(await claimDue(bench, LATER)).toEqual([]);
  });

  it('release what others held, routed anew, but for what may have been delivered', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    await bench.database.commit([
      { sql: `UPDATE message SET held_at = 1, held_because = 'outage'` },
      {
        sql: `UPDATE recipient SET next_attempt_at = NULL, way = CASE ordinal WHEN 0 THEN 'R -U2' ELSE '=U1' END`,
      },
    ]);
    expect(await bench.operator.release({ held: true }, NOW)).toMatchObject({ messages: 1, recipients: 2 });
    expect(await recipients(bench, 'way, next_attempt_at')).toEqual([
      { way: '', next_attempt_at: NOW },
      { way: '=U1', next_attempt_at: NOW },
    ]);
  });
});

describe('retry', () => {
  it('puts failed recipients back into the queue with a new life, and nothing to report', async () => {
    await enqueue(newMessage('M1'));
    await end(bench, await claimOne(bench), 'failed');
    await bench.database.commit([{ sql: `UPDATE recipient SET report = 'failure', age = 5, way = 'R -U1'` }]);
    expect(await bench.operator.retry({ state: 'failed' }, LATER)).toMatchObject({
      messages: 1,
      recipients: 1,
      inFlight: 0,
      contentGone: 0,
    });
    expect(await recipients(bench, 'state, way, age, report, settled_at')).toEqual([
      { state: 'deferred', way: '', age: 0, report: null, settled_at: null },
    ]);
    expect((await claimOne(bench, LATER)).recipients[0]).toMatchObject({ attempt: 2, deferrals: 0, age: 0 });
  });

  it('never tries again what was relayed, what is being sent, or what has no content', async () => {
    await enqueue(newMessage('M1', ['ok@example.net', 'bad@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'failed');
    await bench.database.commit([{ sql: `UPDATE message SET content = 'gone'` }]);
    await enqueue(newMessage('M2'));
    const claim = await claimOne(bench);
    expect(await bench.operator.retry({ finished: true }, LATER)).toMatchObject({
      messages: 0,
      recipients: 0,
      inFlight: 1,
      contentGone: 1,
    });
    await end(bench, claim, 'deferred');
    expect(await states()).toEqual(['relayed', 'failed', 'deferred']);
  });

  it('makes waiting ones due, routed anew, but for what may have been delivered', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    await end(bench, await claimOne(bench), 'deferred');
    await bench.database.commit([
      {
        sql: `UPDATE recipient SET way = CASE ordinal WHEN 0 THEN 'R -U2' ELSE '=U1' END, ambiguous_since = 7`,
      },
    ]);
    await bench.operator.retry({}, NOW);
    expect(await recipients(bench, 'way, next_attempt_at, deferrals, ambiguous_since')).toEqual([
      { way: '', next_attempt_at: NOW, deferrals: 1, ambiguous_since: 7 },
      { way: '=U1', next_attempt_at: NOW, deferrals: 1, ambiguous_since: 7 },
    ]);
  });

  it('releases a held message once all that waits of it is tried', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    await bench.operator.hold({}, NOW);
    await bench.operator.retry({ recipient: 'a@example.net' }, NOW);
    expect(await isHeld()).toBe('operator');
    await bench.operator.retry({ ids: ['M1'] }, NOW);
    expect(await isHeld()).toBeNull();
    expect((await claimOne(bench)).recipients).toHaveLength(2);
  });

  it('does not release a message that was held while it was being sent', async () => {
    await enqueue(newMessage('M1'));
    await claimOne(bench);
    await bench.operator.hold({}, NOW);
    await enqueue(newMessage('M2'));
    await bench.operator.retry({}, NOW);
    expect(await isHeld()).toBe('operator');
  });
});

describe('bounce', () => {
  const asking = (notify: 'never' | readonly ('success' | 'failure')[] | null): NewMessage => ({
    ...newMessage('M1'),
    dsn: { envelopeId: null, returns: null, recipients: [{ notify, originalRecipient: null }] },
  });

  it('gives up what waits, with an attempt that says so and a report that is due', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'deferred');
    expect(await bench.operator.bounce({}, UNHEARD, LATER)).toMatchObject({
      messages: 1,
      recipients: 1,
      inFlight: 0,
      reported: 1,
    });
    expect(await recipients(bench, 'state, report, settled_at, last_reply, next_attempt_at')).toMatchObject([
      { state: 'relayed', report: null },
      {
        state: 'failed',
        report: 'failure',
        settled_at: LATER,
        last_reply: 'Given up by the operator.',
        next_attempt_at: null,
      },
    ]);
    expect((await bench.operator.attempts('M1')).at(-1)).toMatchObject({
      forwardPath: 'b@example.net',
      number: 2,
      outcome: 'failed',
      reply: null,
      text: 'Given up by the operator.',
      status: '5.0.0',
    });
    expect(await bench.queue.body('M1')).not.toBeNull();
  });

  it.each<[string, NewMessage, boolean, string | null]>([
    ['nobody asked for anything', newMessage('M1'), false, 'failure'],
    ['NOTIFY=FAILURE', asking(['success', 'failure']), false, 'failure'],
    ['NOTIFY=SUCCESS', asking(['success']), false, null],
    ['NOTIFY=NEVER', asking('never'), false, null],
    ['silent', newMessage('M1'), true, null],
    ['a report', { ...newMessage('M1'), kind: 'dsn' }, false, null],
    ['an alert', { ...newMessage('M1'), kind: 'alert' }, false, null],
  ])('%s', async (_, message, silent, report) => {
    await enqueue(message);
    expect(await bench.operator.bounce({}, { silent }, NOW)).toMatchObject({
      reported: report === null ? 0 : 1,
    });
    expect(await recipients(bench, 'state, report')).toEqual([{ state: 'failed', report }]);
  });

  it('does not touch what is being sent, and ends holding', async () => {
    await enqueue(newMessage('M1'));
    const claim = await claimOne(bench);
    expect(await bench.operator.bounce({}, UNHEARD, NOW)).toMatchObject({
      messages: 0,
      recipients: 0,
      inFlight: 1,
      reported: 0,
    });
    await bench.operator.hold({}, NOW);
    await end(bench, claim, 'deferred');
    expect(await bench.operator.bounce({ held: true }, UNHEARD, NOW)).toMatchObject({ recipients: 1 });
    expect(await isHeld()).toBeNull();
  });

  it('can be taken back by a retry, whose attempt has a number of its own', async () => {
    await enqueue(newMessage('M1'));
    await bench.operator.bounce({}, UNHEARD, NOW);
    await bench.operator.retry({}, NOW);
    await end(bench, await claimOne(bench), 'relayed');
    const attempts = await bench.operator.attempts('M1');
    expect(attempts.map(({ number, outcome }) => [number, outcome])).toEqual([
      [1, 'failed'],
      [2, 'relayed'],
    ]);
  });
});

describe('delete', () => {
  it('deletes by filter, and leaves the rest', async () => {
    await enqueue(newMessage('M1', ['a@example.net']));
    await enqueue(newMessage('M2', ['b@example.net']));
    const removed = await bench.operator.remove({ recipient: 'B@example.net' }, NOW);
    expect(removed).toMatchObject({ messages: 1, recipients: 1, inFlight: 0 });
    expect(await chosen({})).toEqual(['M1']);
    expect(await bench.operator.remove({ ids: [] }, NOW)).toMatchObject({ recipients: 0 });
  });

  it('never touches a recipient that the filter does not choose', async () => {
    await enqueue(newMessage('M1', ['ok@example.net', 'bad@example.net', 'slow@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'failed', 'deferred');
    expect(await bench.operator.remove({ state: 'failed', recipient: 'ok@example.net' }, NOW)).toMatchObject({
      recipients: 0,
    });
    expect(await bench.operator.retry({ recipient: 'bad@example.net' }, NOW)).toMatchObject({
      recipients: 1,
    });
    expect(await bench.operator.remove({ recipient: 'bad@example.net' }, NOW)).toMatchObject({
      messages: 0,
      recipients: 1,
    });
    expect(await states()).toEqual(['relayed', 'deferred']);
    expect(await bench.queue.body('M1')).not.toBeNull();
  });

  it('leaves the records of what was relayed, unless they are asked for', async () => {
    await enqueue(newMessage('M1', ['ok@example.net', 'bad@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'failed');
    await bench.operator.remove({ sender: '@example.org' }, NOW);
    expect(await states()).toEqual(['relayed']);
    await bench.operator.remove({ sender: '@example.org', finished: true }, NOW);
    expect(await states()).toEqual([]);
  });

  it('lets the content go when only relayed recipients are left, and nobody must be told', async () => {
    await enqueue(newMessage('M1', ['ok@example.net', 'bad@example.net', 'worse@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'failed', 'failed');
    await bench.database.commit([{ sql: `UPDATE recipient SET report = 'relayed' WHERE ordinal = 0` }]);
    await bench.operator.remove({ recipient: 'bad@example.net' }, NOW);
    await bench.operator.remove({ recipient: 'worse@example.net' }, NOW);
    expect(await bench.queue.body('M1')).not.toBeNull();
    await enqueue(newMessage('M2', ['bad@example.net']));
    await bench.database.commit([{ sql: 'UPDATE recipient SET report = NULL' }]);
    await bench.database.commit([
      {
        sql: `INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts, deferrals, age)
          VALUES ('M1', 7, 'bad@example.net', 'failed', 1, 0, 0)`,
      },
    ]);
    await bench.operator.remove({ recipient: 'bad@example.net' }, NOW);
    expect(await bench.queue.body('M1')).toBeNull();
    expect((await bench.operator.list({ finished: true }))[0]).toMatchObject({ content: 'gone' });
  });

  it('of what is being sent is not undone by the end of that attempt', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    const claim = await claimOne(bench);
    expect(await bench.operator.remove({ recipient: 'a@example.net' }, NOW)).toMatchObject({ inFlight: 1 });
    await end(bench, claim, 'deferred', 'relayed');
    expect(await recipients(bench, 'ordinal, state')).toEqual([{ ordinal: 1, state: 'relayed' }]);
    expect(await bench.operator.attempts('M1')).toHaveLength(1);
  });

  it('of what is being sent is not taken for damage, and what is left is not held', async () => {
    await enqueue(newMessage('M1', ['ok@example.net', 'slow@example.net']));
    await end(bench, await claimOne(bench), 'relayed', 'deferred');
    const claim = await claimOne(bench, LATER);
    await bench.operator.remove({ recipient: 'slow@example.net' }, NOW);
    // The attempt finds no content any more.
    expect(await bench.queue.body('M1')).toBeNull();
    expect(await bench.queue.hold(claim, 'Its content is missing.', NOW)).toEqual({ held: false });
    expect(await isHeld()).toBeNull();
  });

  it('leaves real damage to be held, for what waits and what this attempt has in hand', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    const claim = await claimOne(bench);
    await bench.operator.remove({ recipient: 'a@example.net' }, NOW);
    expect(await bench.queue.hold(claim, 'Its content is missing.', NOW)).toEqual({ held: true });
    expect(await isHeld()).toBe('damaged');
    expect(await recipients(bench, 'state, next_attempt_at')).toEqual([
      { state: 'deferred', next_attempt_at: null },
    ]);
  });

  it('removes the files of what is gone', async () => {
    const writer = await bench.spool.create('M1');
    if ('text' in writer) throw new Error(writer.text);
    await writer.write([Buffer.from('x')]);
    await writer.publish();
    await enqueue({ ...newMessage('M1'), content: { kind: 'spooled' } });
    await bench.operator.remove({}, NOW);
    expect(await bench.spool.check('M1')).toBeNull();
  });
});

describe('an action on many messages', () => {
  it('is made in steps, and stops where one is refused', async () => {
    const ids = Array.from({ length: 1_100 }, (_, i) => `M${1000 + i}`);
    for (const id of ids) void bench.queue.enqueue(newMessage(id), NOW);
    await enqueue(newMessage('M9'));
    const steps: number[] = [];
    const operator = createQueueOperator({
      ...bench,
      database: {
        ...bench.database,
        commit: async group => {
          const result = await (steps.length === 2
            ? Promise.resolve({ kind: 'busy', text: 'another writes' } as const)
            : bench.database.commit(group));
          steps.push(group.length);
          return result;
        },
      },
      newId: () => 'AUDIT',
      audit: createQueueAudit(fact => auditStatement(fact, 'operator:tester', NOW, 'AUDIT')),
      keepContent: false,
    });
    expect(await operator.hold({}, NOW)).toMatchObject({
      kind: 'refused',
      refusal: { kind: 'busy' },
      recipients: 1000,
    });
    expect(await bench.operator.count({ held: true })).toBe(1000);
    expect(await bench.operator.hold({}, NOW)).toMatchObject({ messages: 101, recipients: 101 });
    expect(steps).toEqual([3, 2, 2]);
  });
});

describe('what an operator did', () => {
  it('stands in the audit, with what was chosen; what came to nothing does not', async () => {
    await enqueue(newMessage('M1'));
    await bench.operator.release({}, NOW);
    await bench.operator.hold({ ids: ['M1'] }, NOW);
    await bench.operator.release({ held: true }, NOW);
    await bench.operator.bounce({}, { silent: true }, NOW);
    await bench.operator.remove({ state: 'failed', sender: '@example.org' }, NOW);
    const rows = await bench.database.read('SELECT action, object, detail, actor FROM audit ORDER BY rowid');
    expect(rows.map(row => [row['action'], row['object'], row['detail']])).toEqual([
      ['queue.held', 'M1', null],
      ['queue.released', '', 'held'],
      ['queue.bounced', '', 'all; nobody is told'],
      ['queue.deleted', '', 'state failed, sender @example.org'],
    ]);
  });

  it('is counted: recipients by state, and the octets still waiting', async () => {
    await enqueue(newMessage('M1', ['a@example.net', 'b@example.net']));
    const claim = await claimOne(bench);
    await end(bench, claim, 'relayed', 'failed');
    expect(await bench.operator.stats()).toEqual({
      queued: 0,
      in_flight: 0,
      deferred: 0,
      held: 0,
      relayed: 1,
      failed: 1,
      expired: 0,
      bytes: claim.message.size,
    });
    await bench.database.commit([{ sql: 'UPDATE message SET retired_at = 1' }]);
    expect(await bench.operator.stats()).toMatchObject({ bytes: 0 });
  });
});
