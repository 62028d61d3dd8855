import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSpool } from '../../server/queue/spool.ts';
import { BODY_TABLE_LIMIT, createMessageStore } from '../../server/submission/message-store.ts';
import { createWriteBuffers } from '../../server/submission/write-buffers.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Octets that show where they come from, so that none can change places unseen. */
function octetsOf(size: number): Buffer {
  const octets = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) octets[i] = (i * 31 + (i >> 8)) & 0xff;
  return octets;
}

function cut(octets: Buffer, size: number): readonly Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < octets.length; at += size) chunks.push(octets.subarray(at, at + size));
  return chunks;
}

describe('a message store', () => {
  it('keeps every octet in its place, however they come, and gives its buffer to the next message', async () => {
    const buffers = createWriteBuffers(10_000);
    const stores = { spool: createSpool(folder), buffers };
    let number = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 * BODY_TABLE_LIMIT }),
        fc.integer({ min: 500, max: 40_000 }),
        async (size, chunkSize) => {
          const id = `M${number++}`;
          const store = createMessageStore(stores, id);
          const octets = octetsOf(size);
          const chunks = cut(octets, chunkSize);
          const tail = chunks.slice(-1);
          for (const chunk of chunks.slice(0, -1)) expect((await store.write([chunk])) ?? null).toBeNull();
          const stored = await store.finish(tail);
          if (!('kind' in stored)) throw new Error('it was not stored');
          if (stored.kind === 'octets') expect(octets.equals(stored.octets)).toBe(true);
          else expect(octets.equals(readFileSync(join(folder, `${id}.eml`)))).toBe(true);
          expect(stored.kind).toBe(size > BODY_TABLE_LIMIT ? 'spooled' : 'octets');
        },
      ),
      { numRuns: 60 },
    );
    const [first, second] = [buffers.take(), buffers.take()];
    expect(first).not.toBe(second);
  });

  it('set down, holds no buffer, and goes on where it was', async () => {
    const buffers = createWriteBuffers();
    const store = createMessageStore({ spool: createSpool(folder), buffers }, 'M');
    const pieces = cut(octetsOf(5 * BODY_TABLE_LIMIT), BODY_TABLE_LIMIT - 1_000);
    const only = buffers.take();
    buffers.giveBack(only);
    for (const piece of pieces) {
      expect(await store.setDown(store.write([piece]))).toBeNull();
      // The one buffer that there is is nobody's.
      expect(buffers.take()).toBe(only);
      buffers.giveBack(only);
    }
    expect(await store.finish([])).toEqual({ kind: 'spooled' });
    expect(readFileSync(join(folder, 'M.eml')).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('leaves nothing of an abandoned message', async () => {
    const store = createMessageStore({ spool: createSpool(folder), buffers: createWriteBuffers() }, 'M');
    await store.write([octetsOf(BODY_TABLE_LIMIT + 1)]);
    expect(readdirSync(folder)).toHaveLength(1);
    await store.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('write buffers', () => {
  it('are used again', () => {
    const buffers = createWriteBuffers(10);
    const one = buffers.take();
    expect(buffers.take()).not.toBe(one);
    buffers.giveBack(one);
    expect(buffers.take()).toBe(one);
  });
});
