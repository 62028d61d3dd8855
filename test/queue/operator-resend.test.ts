// Sending again what is still kept: the same octets as a new message, durable like a client's, or nothing at all.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { auditStatement } from '../../server/audit/audit.ts';
import type { NewMessage } from '../../server/queue/message.ts';
import { createQueueAudit } from '../../server/queue/operator-audit.ts';
import { createResend, type Resend } from '../../server/queue/operator-resend.ts';
import { sweepOrphans } from '../../server/queue/retention.ts';
import type { Database } from '../../server/storage/database.ts';
import { claimDue, claimOne, end, recipients } from './operator-bench.ts';
import { NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

/** The new message is called NEW. */
function resender(database: Database = bench.database): Resend {
  return createResend({
    database,
    spool: bench.spool,
    newId: () => 'NEW',
    audit: createQueueAudit(fact => auditStatement(fact, 'operator:tester', NOW, 'AUDIT')),
  });
}

async function enqueueFile(id: string, octets: Uint8Array): Promise<NewMessage> {
  const writer = await bench.spool.create(id);
  if ('text' in writer) throw new Error(writer.text);
  await writer.write([octets]);
  await writer.publish();
  const hash = createHash('sha256').update(octets).digest('hex');
  const message: NewMessage = { ...newMessage(id), content: { kind: 'spooled' }, size: octets.length, hash };
  await bench.queue.enqueue(message, NOW);
  return message;
}

const files = () => readdirSync(join(bench.folder, 'spool')).sort();

describe('resend', () => {
  it('queues the same octets to the same recipients, as a new message with the same wishes', async () => {
    await bench.queue.enqueue(
      {
        ...newMessage('OLD', ['a@example.net', 'b@example.net']),
        requireTls: true,
        dsn: {
          envelopeId: 'E1',
          returns: 'headers',
          recipients: [
            { notify: ['failure'], originalRecipient: 'rfc822;a@example.net' },
            { notify: null, originalRecipient: null },
          ],
        },
      },
      NOW,
    );
    const old = await claimOne(bench);
    await end(bench, old, 'failed');
    const resent = await resender()('OLD', null, NOW);
    expect(resent).toEqual({
      kind: 'queued',
      id: 'NEW',
      forwardPaths: ['a@example.net', 'b@example.net'],
      stillWaiting: 0,
    });
    const claim = await claimOne(bench);
    expect(claim.message).toEqual({ ...old.message, id: 'NEW' });
    expect(claim.recipients.map(({ attempt, dsn }) => [attempt, dsn])).toEqual(
      old.recipients.map(({ dsn }) => [1, dsn]),
    );
    expect(await bench.queue.body('NEW')).toEqual(await bench.queue.body('OLD'));
    expect(await recipients(bench, 'message_id, state')).toMatchObject([
      { message_id: 'NEW', state: 'in_flight' },
      { message_id: 'NEW', state: 'in_flight' },
      { message_id: 'OLD', state: 'failed' },
      { message_id: 'OLD', state: 'failed' },
    ]);
    expect(await bench.database.read('SELECT action, object, detail FROM audit')).toEqual([
      { action: 'queue.resent', object: 'OLD', detail: 'as NEW, to 2' },
    ]);
  });

  it('goes to others where they are given, who asked for nothing', async () => {
    await bench.queue.enqueue(newMessage('OLD', ['a@example.net']), NOW);
    expect(await resender()('OLD', ['c@example.net', 'a@example.net'], NOW)).toMatchObject({
      stillWaiting: 1,
    });
    const claims = await claimDue(bench);
    const claim = claims.find(({ message }) => message.id === 'NEW');
    expect(claim?.recipients.map(({ forwardPath }) => forwardPath)).toEqual([
      'c@example.net',
      'a@example.net',
    ]);
  });

  it('copies a file, and leaves the old one', async () => {
    await enqueueFile('OLD', Buffer.alloc(300_000, 'x'));
    expect(await resender()('OLD', null, NOW)).toMatchObject({ kind: 'queued' });
    expect(files()).toEqual(['NEW.eml', 'OLD.eml']);
    const read = (id: string) => readFileSync(join(bench.folder, 'spool', `${id}.eml`));
    expect(read('NEW').equals(read('OLD'))).toBe(true);
  });

  it('survives a server that starts in the middle and sweeps what has no row yet', async () => {
    await enqueueFile('OLD', Buffer.from('a scan'));
    const swept: number[] = [];
    const commit: Database['commit'] = async group => {
      swept.push(await sweepOrphans(bench.queue, bench.spool, NOW));
      return bench.database.commit(group);
    };
    expect(await resender({ ...bench.database, commit })('OLD', null, NOW)).toMatchObject({ kind: 'queued' });
    expect(swept).toEqual([1]);
    expect(await bench.spool.check('NEW')).toMatchObject({ size: 6 });
  });

  it('keeps a report a report', async () => {
    await bench.queue.enqueue({ ...newMessage('OLD'), kind: 'dsn' }, NOW);
    await resender()('OLD', null, NOW);
    expect(await bench.database.read(`SELECT kind FROM message WHERE id = 'NEW'`)).toEqual([{ kind: 'dsn' }]);
  });

  it('never sends what is not what was stored, and leaves no file behind', async () => {
    await enqueueFile('OLD', Buffer.from('a scan'));
    writeFileSync(join(bench.folder, 'spool', 'OLD.eml'), 'b scan');
    expect(await resender()('OLD', null, NOW)).toEqual({ kind: 'damaged' });
    expect(files()).toEqual(['OLD.eml']);
    await bench.spool.remove('OLD');
    expect(await resender()('OLD', null, NOW)).toEqual({ kind: 'damaged' });
    await bench.queue.enqueue(newMessage('OLD2'), NOW);
    await bench.database.commit([{ sql: 'UPDATE body SET octets = ?', params: [Buffer.from('other')] }]);
    expect(await resender()('OLD2', null, NOW)).toEqual({ kind: 'damaged' });
  });

  it('says what is unknown, and what is gone', async () => {
    expect(await resender()('OLD', null, NOW)).toEqual({ kind: 'unknown' });
    await bench.queue.enqueue(newMessage('OLD'), NOW);
    await end(bench, await claimOne(bench), 'relayed');
    expect(await resender()('OLD', null, NOW)).toEqual({ kind: 'gone' });
  });

  it('leaves no file where the commit is refused', async () => {
    await enqueueFile('OLD', Buffer.from('a scan'));
    await bench.queue.enqueue(newMessage('NEW'), NOW);
    expect(await resender()('OLD', null, NOW)).toMatchObject({
      kind: 'refused',
      refusal: { kind: 'constraint' },
    });
    expect(files()).toEqual(['OLD.eml']);
  });
});
