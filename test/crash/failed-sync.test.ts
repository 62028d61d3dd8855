// A sync that fails is not survived in place: the client is not told 250, the server exits 1, and a restart goes on
// with everything that was acknowledged before. strace makes the disk fail under the running server.

import { readFileSync } from 'node:fs';
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

describe.skipIf(skip)('a sync that fails', () => {
  it.each([
    ['of the database', 'small', 720],
    ['of a spool file', 'big', 720_000],
  ])('%s: no 250, exit 1, and nothing acknowledged is lost', async (_what, kind, size) => {
    const server = await at.serve();
    expect(await send(`${kind}-before@sender.test`, 720)).toMatch(/^250 /);
    const strace = startProgram({
      command: ['strace', '-f', '-p', `${server.pid}`, '-e', 'inject=fsync,fdatasync:error=EIO'],
      outputFolder: at.folder,
      name: 'strace',
    });
    await waitFor('strace to attach', () => /attached/.test(strace.stderr()));
    // 421 or 451 in words, or the connection was cut before it could be said.
    const during = await send(`${kind}-during@sender.test`, size);
    expect(during).toMatch(/^$|^421 4\.3\.\d postern\.test \w|^451 4\.3\.0 \w/);
    const exit = await server.exited;
    await strace.stop();
    expect(exit).toEqual({ code: 1, signal: null });

    const again = await at.serve();
    expect(await queuedFrom()).toContain(`${kind}-before@sender.test`);
    expect(await send(`${kind}-after@sender.test`, 720)).toMatch(/^250 /);
    await again.stop();
  });
});
