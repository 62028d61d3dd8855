// One account floods a route whose upstream is dead: another account's mail by another upstream passes all of it, what is
// accepted of the flood is kept, and beyond its share of the queue the flood is refused in words while others are served.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { login } from '../end-to-end/gate.ts';
import { type Remote, startRemote } from '../relay/remote.ts';
import { type Account, addAccount, queueStats, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { seededRandom } from './random.ts';
import { openScene, type Scene } from './scene.ts';
import { startSender } from './sender.ts';

const FLOOD = 2_000;
/** How many messages of the flood may go before somebody else's that came later. */
const BEFORE = 200;

let scene: Scene;
let server: Server;
let dead: Remote;
let flooder: Account;

beforeAll(async () => {
  scene = await openScene();
  // It takes connections and never says a word: worse than one that refuses them.
  dead = await startRemote({ tls: 'none', script: () => 'SILENCE' });
  flooder = await addAccount(scene.at, 'flooder', 'flooder secret');
  const run = async (...args: readonly string[]) => {
    const done = await scene.at.cli(args);
    expect(done.code, done.stderr).toBe(0);
  };
  await run('upstream', 'add', 'dead', '--url', `smtp+notls://127.0.0.1:${dead.port}`);
  await run('route', 'add', 'flood', '--account', 'flooder', '--upstream', 'dead');
  server = await scene.at.serve();
});

afterAll(async () => {
  // Its grace would be for the upstream that never answers.
  await server?.kill9();
  await scene?.close();
  await dead?.close();
});

describe('a flood behind a dead upstream', () => {
  it(`of ${FLOOD} messages delays nobody else's mail`, async () => {
    let taken = 0;
    const flood = startSender({
      ...{ port: scene.at.ports.implicit, ca: readFileSync(scene.at.ca, 'utf8'), account: flooder },
      ...{ clients: 8, tag: 'flood', random: seededRandom(1), patience: 60_000, bigShare: 0 },
      onAcknowledged: () => taken++,
    });
    const passed: number[] = [];
    for (let i = 0; taken < FLOOD; i++) {
      const target = Math.min(FLOOD, taken + FLOOD / 10);
      await waitFor('more of the flood', () => taken >= target, 60_000);
      const name = `other-${i}`;
      expect(await scene.send(name)).toMatch(/^250 /);
      const before = taken;
      await scene.arrived([name]);
      passed.push(taken - before);
    }
    flood.stop();
    await flood.ended;
    // None of them had to wait for the end of it.
    expect(Math.max(...passed), `accepted meanwhile: ${passed}`).toBeLessThan(FLOOD / 2);
    // And with all of it waiting.
    expect(await scene.send('last')).toMatch(/^250 /);
    await scene.arrived(['last']);
    const stats = await queueStats(scene.at);
    const waiting = (stats['queued'] ?? 0) + (stats['deferred'] ?? 0) + (stats['in_flight'] ?? 0);
    expect(waiting).toBeGreaterThanOrEqual(taken);
    expect(stats).toMatchObject({ failed: 0, expired: 0, held: 0 });
    expect(server.log().some(line => line.event === 'server.failed')).toBe(false);
  });

  it('is refused in words once its share of the queue is full, and only it', async () => {
    const set = await scene.at.cli(['account', 'set', 'flooder', '--queue-share', '10K']);
    expect(set.code, set.stderr).toBe(0);
    const refusal = async () => {
      const wire = await login({ at: scene.at, account: flooder });
      let reply: readonly string[] = [];
      for (const line of ['MAIL FROM:<f@sender.test>', 'RCPT TO:<a@destination.test>', 'DATA']) {
        await wire.send(`${line}\r\n`);
        reply = await wire.reply();
        if (!/^[23]/.test(reply[0] ?? '')) break;
      }
      wire.close();
      return reply.join(' ');
    };
    const text = await waitFor('the refusal', async () => {
      const reply = await refusal();
      return reply.startsWith('452 ') && reply;
    });
    expect(text).toMatch(/^452 4\.\d\.\d .*(share|queue|wait)/i);
    expect(await scene.send('meanwhile')).toMatch(/^250 /);
    await scene.arrived(['meanwhile']);
  });

  it('goes once its route leads to an upstream that works, and lets others pass there too', async () => {
    const { bodies } = scene.remote;
    const before = bodies.length;
    const set = await scene.at.cli(['route', 'set', 'flood', '--upstream', 'provider']);
    expect(set.code, set.stderr).toBe(0);
    await waitFor('the flood to go', () => bodies.length > before + 50);
    const begun = bodies.length;
    await scene.send('passing');
    await scene.arrived(['passing']);
    const place = bodies.findIndex(body => body.includes('body of passing.')) - begun;
    expect(place).toBeLessThan(BEFORE);
    await waitFor('the rest', () => bodies.length >= before + FLOOD, 90_000);
    expect(await queueStats(scene.at)).toMatchObject({ failed: 0, expired: 0, held: 0 });
  });
});
