import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContentReader } from '../../server/queue/content-reader.ts';
import { sweepOrphans } from '../../server/queue/retention.ts';
import type { SpoolWriter } from '../../server/queue/spool.ts';
import { claimAt, NOW, newMessage, openQueueBench, type QueueBench } from './support.ts';

let bench: QueueBench;
beforeEach(async () => {
  bench = await openQueueBench();
});
afterEach(() => bench.close());

const files = () => readdirSync(join(bench.folder, 'spool'));

async function writerFor(id: string): Promise<SpoolWriter> {
  const writer = await bench.spool.create(id);
  if ('text' in writer) throw new Error(writer.text);
  return writer;
}

async function spoolMessage(id: string, text: string): Promise<void> {
  const writer = await writerFor(id);
  await writer.write([Buffer.from(text)]);
  expect(await writer.publish()).toBeNull();
  const hash = createHash('sha256').update(text).digest('hex');
  await bench.queue.enqueue(
    { ...newMessage(id), content: { kind: 'spooled' }, size: text.length, hash },
    NOW,
  );
}

describe('the spool', () => {
  it('shows a file under its name only once it is whole', async () => {
    const writer = await writerFor('M1');
    await writer.write([Buffer.from('one '), Buffer.from('two')]);
    expect(files()).toEqual(['M1.part']);
    await writer.publish();
    expect(files()).toEqual(['M1.eml']);
    expect(readFileSync(join(bench.folder, 'spool', 'M1.eml'), 'utf8')).toBe('one two');
  });

  it('leaves nothing of an abandoned file', async () => {
    const writer = await writerFor('M1');
    await writer.write([Buffer.from('half')]);
    await writer.abandon();
    expect(files()).toEqual([]);
  });

  it('is swept of unfinished files and of files without a row', async () => {
    await spoolMessage('M1', 'kept');
    const orphan = await writerFor('M2');
    await orphan.publish();
    writeFileSync(join(bench.folder, 'spool', 'M3.part'), 'half');
    expect(await sweepOrphans(bench.queue, bench.spool)).toBe(1);
    expect(files()).toEqual(['M1.eml']);
  });
});

describe('stored content', () => {
  const reader = () => createContentReader({ queue: bench.queue, spool: bench.spool });

  it('is opened when it is what was stored', async () => {
    await spoolMessage('M1', 'hello');
    const [claim] = await claimAt(bench.queue, NOW);
    if (!claim) throw new Error('nothing was due');
    const opened = await reader().open(claim);
    expect(opened).toMatchObject({
      kind: 'content',
      content: { kind: 'file', size: 5, hash: claim.message.hash },
    });
    expect(await reader().inspect(claim)).toBeNull();
  });

  it.each([
    ['altered', (path: string) => writeFileSync(path, 'hellO')],
    ['cut short', (path: string) => writeFileSync(path, 'hel')],
  ])('is damaged when the file was %s', async (_how, harm) => {
    await spoolMessage('M1', 'hello');
    harm(join(bench.folder, 'spool', 'M1.eml'));
    const [claim] = await claimAt(bench.queue, NOW);
    if (!claim) throw new Error('nothing was due');
    expect(await reader().inspect(claim)).toMatchObject({ kind: 'damaged' });
  });

  it('is damaged when the file is missing', async () => {
    await spoolMessage('M1', 'hello');
    await bench.spool.remove('M1');
    const [claim] = await claimAt(bench.queue, NOW);
    if (!claim) throw new Error('nothing was due');
    expect(await reader().inspect(claim)).toMatchObject({ kind: 'damaged' });
  });

  it('is damaged when the body is not what was stored', async () => {
    await bench.queue.enqueue(newMessage('M2'), NOW);
    const [claim] = await claimAt(bench.queue, NOW);
    if (!claim) throw new Error('nothing was due');
    await bench.database.commit([{ sql: `UPDATE body SET octets = ?`, params: [Buffer.from('other')] }]);
    expect(await reader().open({ ...claim, octets: null })).toMatchObject({ kind: 'damaged' });
  });
});
