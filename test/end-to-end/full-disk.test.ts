// A disk that fills up under the running server: new mail is refused before its data, what was accepted is still relayed,
// settled and deleted, and mail is taken again without a restart as soon as there is room.

import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { loadTools, mustSkip } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import {
  addAccount,
  addUpstream,
  type Installation,
  install,
  isReady,
  queueStats,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { SINK_LOGIN, type Sink, startSink } from '../support/sink.ts';
import { lacksSmallDisks, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { type Access, login, say } from './gate.ts';

const skip = mustSkip('end-to-end full disk', loadTools) || lacksSmallDisks('end-to-end full disk');
const BALLAST = 4 * 1024 * 1024;
let at: Installation;
let disk: SmallDisk;
let access: Access;
let server: Server;
let sink: Sink;
let sinkPort: number;
let certificate: Awaited<ReturnType<typeof makeCertificate>>;

beforeAll(async () => {
  if (skip) return;
  at = await install({
    limits: { disk_reserve: '2 MiB' },
    queue: { retry_min: '1s', retry_max: '2s' },
  });
  disk = mountSmallDisk(at.data, '24m');
  certificate = await makeCertificate(at.folder);
  sinkPort = await freePort();
  const account = await addAccount(at, 'full', 'full secret');
  access = { at, account };
  const url = `smtp+starttls://${SINK_LOGIN.user}@localhost:${sinkPort}`;
  await addUpstream(at, 'sink', { url, password: SINK_LOGIN.password, ca: certificate.certificate });
  server = await at.serve({ env: { POSTERN_STORAGE_BALLAST: '4 MiB' } });
});

afterAll(async () => {
  await server?.stop();
  disk?.unmount();
  await at?.remove();
  await sink?.stop();
});

/** Sends one message of that many octets; returns the first reply that refuses it, or the last one. */
async function send(id: string, size: number): Promise<string> {
  const wire = await login(access);
  try {
    let reply: readonly string[] = [];
    const body = `X-Load-Id: ${id}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(Math.ceil(size / 72))}.`;
    for (const line of [
      `MAIL FROM:<a@sender.test> SIZE=${size}`,
      'RCPT TO:<b@destination.test>',
      'DATA',
      body,
    ]) {
      await wire.send(`${line}\r\n`);
      reply = await wire.reply();
      if (/^[45]/.test(reply[0] ?? '')) return `${line.slice(0, 4)}: ${reply.join(' ')}`;
    }
    await say(wire, 'QUIT', '221');
    return reply.join(' ');
  } finally {
    wire.close();
  }
}

/** Takes every octet that is left. */
function fillUp(): () => void {
  const path = join(at.data, 'somebody-elses-file');
  const file = openSync(path, 'w');
  for (const piece of [1024 * 1024, 4096]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(piece, 1));
    } catch {
      // Full.
    }
  }
  closeSync(file);
  return () => rmSync(path);
}

const ballast = () => statSync(join(at.data, 'ballast')).size;
const said = (event: string) => server.log().some(line => line.event === event);

describe.skipIf(skip)('a disk that fills up', () => {
  const accepted: string[] = [];
  let makeRoom: () => void;

  it('makes Postern refuse new mail with 452 before its data, small and large', async () => {
    await waitFor('the ballast', () => ballast() === BALLAST);
    let refused = '';
    for (let i = 0; refused === '' && i < 200; i++) {
      const reply = await send(`m${i}`, i % 3 === 0 ? 300_000 : 20_000);
      if (reply.startsWith('250 ')) accepted.push(`m${i}`);
      else refused = reply;
    }
    expect(refused).toMatch(/^(MAIL|RCPT|DATA): 452 4\.3\.1 \w/);
    expect(accepted.length).toBeGreaterThan(10);
    expect(ballast()).toBe(BALLAST);
  });

  it('lets everything accepted be relayed and deleted, though not one octet is free', async () => {
    makeRoom = fillUp();
    await waitFor('it to be seen', async () => !(await isReady(at.ports.admin)));
    expect(await send('none', 1_000)).toMatch(/: 452 /);
    const list = (await at.json(['queue', 'list'])) as readonly Readonly<{ id: string }>[];
    expect(list).toHaveLength(accepted.length);
    const deleted = await at.cli(['queue', 'delete', list.at(-1)?.id ?? '']);
    expect(deleted.code, deleted.stderr).toBe(0);
    accepted.pop();
    sink = await startSink({ folder: at.folder, port: sinkPort, certificate });
    await waitFor('all of it at the far end', () => sink.records().length >= accepted.length, 60_000);
    await waitFor('all of it to be settled', async () => {
      const { relayed, queued, in_flight, deferred } = await queueStats(at);
      return relayed === accepted.length && queued === 0 && in_flight === 0 && deferred === 0;
    });
    expect(
      sink
        .records()
        .map(({ loadId }) => loadId)
        .toSorted(),
    ).toEqual(accepted.toSorted());
  });

  it('takes mail again once there is room, without a restart, and has its ballast back', async () => {
    makeRoom();
    await waitFor('250', async () => (await send('after', 300_000)).startsWith('250 '), 30_000);
    await waitFor('the ballast', () => ballast() === BALLAST);
    await waitFor('it to arrive', () => sink.records().some(({ loadId }) => loadId === 'after'));
    expect(server.log().filter(({ event }) => event === 'server.failed')).toEqual([]);
    expect(said('disk.low')).toBe(true);
  });
});

describe.skipIf(skip)('a read-only disk', () => {
  it('is said in words at the start', async () => {
    await server.stop();
    expect(disk.setReadOnly(true)).toBe(true);
    const refused = await at.serve({ waitUntilReady: false });
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr().trim().split('\n').at(-1)).toMatch(/^postern: .*read-only/);
    expect(disk.setReadOnly(false)).toBe(true);
    server = await at.serve();
    expect(await send('rw', 1_000)).toMatch(/^250 /);
  });
});

describe.skipIf(skip)('a spool folder that may not be written', () => {
  it('refuses large mail with 451 or 452, takes small mail, and recovers without a restart', async () => {
    // Root may write anywhere: a file in the folder's place stands for the missing right.
    await server.stop();
    const spool = join(at.data, 'spool');
    server = await at.serve();
    rmSync(spool, { recursive: true });
    closeSync(openSync(spool, 'w'));
    expect(await send('large', 300_000)).toMatch(/45[12] 4\.\d\.\d \w/);
    expect(await send('small', 1_000)).toMatch(/^250 /);
    await waitFor('the event', () => said('message.refused'));
    rmSync(spool);
    mkdirSync(spool, { mode: 0o700 });
    expect(await send('large', 300_000)).toMatch(/^250 /);
  });
});
