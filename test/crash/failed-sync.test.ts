// A sync that fails, or a commit that the disk does not take, is not survived in place: the client is not told 250, the server
// exits 1 and says why, and a restart goes on with everything that was acknowledged before. strace makes the disk fail under
// the running server, for one file or for all.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { addAccount, field, type Installation, install } from '../support/postern.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { openWire } from '../support/wire.ts';

const skip = mustSkip('failed sync', suiteNeeds.crash);
let at: Installation;

beforeAll(async () => {
  if (skip) return;
  at = await install();
  await addAccount(at, 'sync', 'sync secret');
});

afterAll(async () => at?.remove());

/** Sends one message; returns the last reply, or an empty text when the connection was closed. */
async function send(from: string, size: number): Promise<string> {
  const wire = await openWire({
    port: at.ports.implicit,
    ca: readFileSync(at.ca, 'utf8'),
    implicitTls: true,
  });
  try {
    let reply = await wire.reply();
    for (const line of [
      'EHLO x',
      `AUTH PLAIN ${Buffer.from('\0sync\0sync secret').toString('base64')}`,
      `MAIL FROM:<${from}>`,
      'RCPT TO:<b@destination.test>',
      'DATA',
      `Subject: x\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(size / 72)}.`,
    ]) {
      await wire.send(`${line}\r\n`);
      reply = await wire.reply();
    }
    return reply.join('\n');
  } finally {
    wire.close();
  }
}

async function queuedFrom(): Promise<readonly string[]> {
  const list = await at.json(['queue', 'list']);
  return Array.isArray(list) ? list.map(item => String(field(item, 'reverse_path'))) : [];
}

type Fault = Readonly<{
  what: string;
  paths: readonly string[];
  calls: string;
  error: string;
  size: number;
  times?: number;
}>;

const SYNC = 'fsync,fdatasync';
const WRITE = 'write,writev,pwrite64,pwritev,ftruncate';
const SMALL = 720;
const BIG = 720_000;
const faults: readonly Fault[] = [
  { what: 'a sync of the log fails', paths: ['postern.db-wal'], calls: SYNC, error: 'EIO', size: SMALL },
  { what: 'a sync of a spool file fails', paths: [], calls: SYNC, error: 'EIO', size: BIG },
  { what: 'a sync of the spool folder fails', paths: ['spool'], calls: SYNC, error: 'EIO', size: BIG },
  // Only a checkpoint syncs it: some time after the 250, once there is enough to copy.
  {
    what: 'a sync of the database fails',
    paths: ['postern.db'],
    calls: SYNC,
    error: 'EIO',
    size: 57_600,
    times: 20,
  },
  { what: 'the log cannot be written', paths: ['postern.db-wal'], calls: WRITE, error: 'EIO', size: SMALL },
  {
    what: 'the disk becomes read-only',
    paths: ['postern.db-wal'],
    calls: WRITE,
    error: 'EROFS',
    size: SMALL,
  },
];

describe.skipIf(skip)('a disk that fails', () => {
  it.each(faults)('$what: no 250, exit 1, and nothing acknowledged is lost', async fault => {
    const name = `f${faults.indexOf(fault)}`;
    const server = await at.serve();
    expect(await send(`${name}-before@sender.test`, SMALL)).toMatch(/^250 /);
    const strace = startProgram({
      command: [
        ...[
          'strace',
          '-f',
          '-p',
          `${server.pid}`,
          ...fault.paths.flatMap(path => ['-P', join(at.data, path)]),
        ],
        ...['-e', `inject=${fault.calls}:error=${fault.error}`],
      ],
      outputFolder: at.folder,
      name: 'strace',
    });
    await waitFor('strace to attach', () => /attached/.test(strace.stderr()));
    let during = '';
    for (let i = 0; i < (fault.times ?? 1); i++)
      during = await send(`${name}-during@sender.test`, fault.size);
    // 421 or 451 in words, or the connection was cut before it could be said.
    const refusal = /^$|^421 4\.3\.\d postern\.test \w|^451 4\.3\.0 \w/;
    const isCheckpoint = fault.paths[0] === 'postern.db';
    expect(during).toMatch(isCheckpoint ? /^250 / : refusal);
    const exit = await server.exited;
    await strace.stop();
    expect(exit).toEqual({ code: 1, signal: null });
    expect(server.log().findLast(line => line.event === 'server.failed')?.['text']).toMatch(/\w+ \w+/);

    const again = await at.serve();
    const expected = [`${name}-before@sender.test`, ...(isCheckpoint ? [`${name}-during@sender.test`] : [])];
    expect(await queuedFrom()).toEqual(expect.arrayContaining(expected));
    expect(await send(`${name}-after@sender.test`, SMALL)).toMatch(/^250 /);
    expect(await again.stop()).toEqual({ code: 0, signal: null });
  });
});
