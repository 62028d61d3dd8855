// No descriptor is left: the server neither ends nor spins, and goes on as soon as there are some.

import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { run, waitFor } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { openWire } from '../support/wire.ts';
import { type Access, submit } from './gate.ts';

const skip = process.platform !== 'linux';
if (skip) noteLine('skipped: end-to-end descriptors: prlimit and /proc are Linux');
let at: Installation;
let server: Server;
let access: Access;

beforeAll(async () => {
  if (skip) return;
  at = await install();
  access = { at, account: await addAccount(at, 'fd', 'fd secret') };
  server = await at.serve();
});

afterAll(async () => at?.remove());

const message = (size: number) =>
  Buffer.from(`Subject: x\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(size / 72)}`);
const openNow = () => readdirSync(`/proc/${server.pid}/fd`).length;
const allow = (count: number) => run(['prlimit', '--pid', `${server.pid}`, `--nofile=${count}:4096`]);
/** Seconds of processor time that the server has used. */
const used = () => {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

describe.skipIf(skip)('a server without descriptors', () => {
  const crowd: Socket[] = [];
  let large = 0;

  it('stays, and uses no processor for connections that it cannot take', async () => {
    expect(await submit(access, { message: message(720) })).toMatch(/^250 /);
    const limit = openNow() + 8;
    expect((await allow(limit)).code).toBe(0);
    for (let i = 0; i < 60; i++) {
      const socket = connect(at.ports.starttls, '127.0.0.1');
      socket.on('error', () => undefined);
      crowd.push(socket);
    }
    // libuv keeps one, with which it answers the connections that it cannot take.
    await waitFor('all descriptors to be taken', () => openNow() >= limit - 1);
    await sleep(500);
    const before = used();
    await sleep(2_000);
    expect(used() - before).toBeLessThan(1);
    await expect(submit(access, { message: message(720) })).rejects.toThrow();
    expect(server.log().filter(({ event }) => event === 'server.failed')).toEqual([]);
  });

  it('stays while large messages run out of them', async () => {
    for (const socket of crowd) socket.destroy();
    await waitFor('the crowd to be gone', async () =>
      (await submit(access, { message: message(720) }).catch(() => '')).startsWith('250 '),
    );
    // Each takes one for its connection and one for its file: some get both, some only the first.
    for (let round = 0; round < 3; round++) {
      expect((await allow(openNow() + 12)).code).toBe(0);
      const sent = Array.from({ length: 16 }, () =>
        submit(access, { message: message(100_000) }).catch(error => String(error)),
      );
      const replies = await Promise.all(sent);
      expect(replies.some(reply => !reply.startsWith('250 '))).toBe(true);
      large += replies.filter(reply => reply.startsWith('250 ')).length;
    }
    expect(server.log().filter(({ event }) => event === 'server.failed')).toEqual([]);
  });

  it('takes a large message to its end when none is left after its file was made', async () => {
    expect((await allow(1024)).code).toBe(0);
    const wire = await openWire({
      ...{ port: at.ports.implicit, ca: readFileSync(at.ca, 'utf8'), implicitTls: true },
    });
    await wire.reply();
    const { name, password } = access.account;
    const token = Buffer.from(`\0${name}\0${password}`).toString('base64');
    for (const line of [
      'EHLO x',
      `AUTH PLAIN ${token}`,
      'MAIL FROM:<a@b.test>',
      'RCPT TO:<c@d.test>',
      'DATA',
    ]) {
      await wire.send(`${line}\r\n`);
      expect((await wire.reply())[0]).toMatch(/^[23]/);
    }
    await wire.send(message(400_000).toString());
    const begun = () => readdirSync(join(at.data, 'spool')).some(one => one.endsWith('.part'));
    await waitFor('its file', begun);
    expect((await allow(3)).code).toBe(0);
    await wire.send('.\r\n');
    expect((await wire.reply())[0]).toMatch(/^250 /);
    wire.close();
    large++;
  });

  it('takes mail again when they are there', async () => {
    expect((await allow(1024)).code).toBe(0);
    await waitFor('a small and a large message', async () => {
      const small = await submit(access, { message: message(720) }).catch(() => '');
      return small.startsWith('250 ');
    });
    expect(await submit(access, { message: message(720_000) })).toMatch(/^250 /);
    expect((await at.json(['queue', 'list'])) as readonly unknown[]).toHaveLength(4 + large);
  });
});
