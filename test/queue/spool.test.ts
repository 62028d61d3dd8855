import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContentReader } from '../../server/queue/content-reader.ts';
import { removeOrphans, sweepOrphans } from '../../server/queue/retention.ts';
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

  it('calls only a failed sync by that name, which ends the process', async () => {
    const writer = await writerFor('M1');
    await writer.write([Buffer.from('one')]);
    rmSync(join(bench.folder, 'spool', 'M1.part'));
    expect(await writer.publish()).toMatchObject({ kind: 'io', text: expect.stringContaining('ENOENT') });
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
    expect(await sweepOrphans(bench.queue, bench.spool, NOW)).toBe(1);
    expect(files().sort()).toEqual(['M1.eml', 'orphaned']);
  });

  it('keeps whole files without a row aside for a week', async () => {
    const orphan = await writerFor('M2');
    await orphan.write([Buffer.from('acknowledged, perhaps')]);
    await orphan.publish();
    await sweepOrphans(bench.queue, bench.spool, NOW);
    expect(files()).toEqual(['orphaned']);
    const aside = join(bench.folder, 'spool', 'orphaned');
    expect(readFileSync(join(aside, 'M2.eml'), 'utf8')).toBe('acknowledged, perhaps');
    const week = 7 * 24 * 60 * 60_000;
    expect(await sweepOrphans(bench.queue, bench.spool, NOW + week)).toBe(0);
    expect(await removeOrphans(bench.spool, NOW + week)).toBe(0);
    expect(await removeOrphans(bench.spool, NOW + week + 1_000)).toBe(1);
    expect(readdirSync(aside)).toEqual([]);
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
