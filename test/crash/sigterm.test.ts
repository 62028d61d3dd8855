// SIGTERM under load: every client has its 250 for good or is told 421, deliveries under way end, and the server exits 0
// within its grace. Nothing is lost, and nothing comes twice but what nobody can know.

import { afterEach, describe, expect, it } from 'vitest';
import { login } from '../end-to-end/gate.ts';
import { waitFor } from '../support/process.ts';
import { drained, openScene, type Scene } from './scene.ts';

const CLIENTS = 8;
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What one client was told: names of what got its 250, and the last reply of all; empty: the connection was cut. */
type Client = { accepted: string[]; last: string };

/** Sends message after message in one session until it is told to go. */
async function sendUntilTold(scene: Scene, number: number, client: Client): Promise<void> {
  const wire = await login(scene);
  try {
    for (let i = 0; ; i++) {
      const name = `c${number}-${i}`;
      // Every third one is large: a spool file.
      const octets = i % 3 === 2 ? 'x'.repeat(70).concat('\r\n').repeat(2000) : '';
      for (const line of [
        `MAIL FROM:<${name}@sender.test>`,
        'RCPT TO:<someone@destination.test>',
        'DATA',
        `Subject: ${name}\r\n\r\nbody of ${name}.\r\n${octets}.`,
      ]) {
        await wire.send(`${line}\r\n`);
        client.last = (await wire.reply()).join(' ');
        if (!/^[23]/.test(client.last)) return;
      }
      client.accepted.push(name);
    }
  } finally {
    wire.close();
  }
}

describe('SIGTERM under load', () => {
  it('loses and doubles nothing, and tells every client', async () => {
    const scene = await openScene({ queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s' } });
    cleanups.push(scene.close);
    const accepted: string[] = [];
    for (let round = 0; round < 2; round++) {
      const server = await scene.at.serve();
      const clients = Array.from({ length: CLIENTS }, (): Client => ({ accepted: [], last: '' }));
      const sending = clients.map((client, i) => sendUntilTold(scene, round * CLIENTS + i, client));
      await waitFor('some mail', () => clients.every(client => client.accepted.length > 2));
      server.signal('SIGTERM');
      await Promise.all(sending);
      for (const { last } of clients) expect(last).toMatch(/^421 4\.3\.2 postern\.test \w/);
      expect(await server.exited).toEqual({ code: 0, signal: null });
      expect(server.log().at(-1)).toMatchObject({ event: 'server.stopped' });
      accepted.push(...clients.flatMap(client => client.accepted));
    }
    await scene.at.serve();
    expect(await drained(scene.at)).toMatchObject({ failed: 0, expired: 0, held: 0 });
    // A message whose 250 was cut off by the end is in the queue too; no client here was cut off.
    for (const name of accepted) expect(scene.copies(name), name).toBe(1);
    expect(scene.remote.bodies.length).toBe(accepted.length);
  });

  it('waits for nobody beyond its grace: a client in the middle of its data, an upstream that does not answer', async () => {
    let hangs = true;
    const scene = await openScene(
      { queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s' } },
      { script: ({ verb }) => (verb === 'BODY' && hangs ? 'SILENCE' : undefined) },
    );
    cleanups.push(scene.close);
    const server = await scene.at.serve();
    await scene.send('unanswered');
    await waitFor('it at the upstream', () => scene.copies('unanswered') === 1);
    const wire = await login(scene);
    for (const line of ['MAIL FROM:<half@sender.test>', 'RCPT TO:<a@destination.test>', 'DATA']) {
      await wire.send(`${line}\r\n`);
      await wire.reply();
    }
    await wire.send('Subject: half\r\n\r\nbody of half.\r\n');
    server.signal('SIGTERM');
    expect((await wire.reply()).join(' ')).toMatch(/^421 4\.3\.2 /);
    wire.close();
    expect(await server.exited).toEqual({ code: 0, signal: null });
    hangs = false;
    await scene.at.serve();
    expect(await drained(scene.at)).toMatchObject({ relayed: 1, failed: 0, expired: 0, held: 0 });
    // Its answer never came: it is sent once more, and no more than once.
    expect(scene.copies('unanswered')).toBe(2);
    expect(scene.copies('half')).toBe(0);
  });
});
