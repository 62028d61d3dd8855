// Each channel has its own line: a channel that hangs or fails slows nothing, is tried again, and is spoken of seldom.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { auditStatement } from '../../server/audit/audit.ts';
import { systemRandom } from '../../server/ids.ts';
import { createAlerts } from '../../server/notification/alerts.ts';
import { type ChannelStore, createChannelStore } from '../../server/notification/channel-store.ts';
import { openChannel } from '../../server/notification/channels/open-channel.ts';
import type { Notice } from '../../server/notification/notice.ts';
import { createOutbox } from '../../server/notification/outbox.ts';
import { HOUR, makeWorld, NOW, type World } from '../audit/support.ts';
import { afterTest, freshDatabase } from '../storage/fresh-database.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import { createSealerOver } from './sealer.ts';

const notice = (text: string): Notice => ({
  kind: 'disk-low',
  subject: '',
  text,
  account: null,
  address: null,
  at: NOW,
  count: 1,
  since: NOW,
});

async function setUp({ timeout = 300, longest = 80 } = {}) {
  const world: World = makeWorld();
  const { database } = await freshDatabase();
  const sealer = await createSealerOver(database);
  const audit: Parameters<typeof createChannelStore>[0]['audit'] = fact =>
    auditStatement(fact, 'operator:anna', NOW, world.newId());
  const channels = await createChannelStore({ ...world, database, random: systemRandom, sealer, audit });
  const outbox = createOutbox({
    ...world,
    channels,
    open: (channel, settings) =>
      openChannel(channel, settings, {
        ...world,
        host: 'nas.lan',
        clockTrusted: () => true,
        believedTime: world.clock.now,
        enqueue: async () => ({ kind: 'busy', text: '' }),
        waiting: async () => 0,
        timeout,
      }),
    pauses: { first: 20, longest },
  });
  afterTest(outbox.close);
  return { ...world, database, channels, outbox };
}

async function addWebhook(channels: ChannelStore, name: string): Promise<HttpServer> {
  const server = await startHttpServer();
  const to = { kind: 'webhook', url: `${server.origin}/hook`, secret: null } as const;
  expect(await channels.add({ name, to, detail: 'full' })).toMatchObject({ kind: 'done' });
  return server;
}

const textsOf = (server: HttpServer) => server.received.map(({ body }) => JSON.parse(body).text);

describe('notices', () => {
  it('wait until the outbox is started, and keep their order', async () => {
    const { channels, outbox } = await setUp();
    const server = await addWebhook(channels, 'one');
    outbox.send(notice('a'));
    outbox.send(notice('b'));
    await sleep(50);
    expect(server.received).toEqual([]);
    outbox.start();
    outbox.send(notice('c'));
    await expect.poll(() => textsOf(server)).toEqual(['a', 'b', 'c']);
  });

  it('go to every channel, also to one that was added later, and to none that was removed', async () => {
    const { channels, outbox } = await setUp();
    const one = await addWebhook(channels, 'one');
    outbox.start();
    outbox.send(notice('a'));
    const two = await addWebhook(channels, 'two');
    outbox.send(notice('b'));
    await expect.poll(() => textsOf(two)).toEqual(['b']);
    await expect.poll(() => textsOf(one)).toEqual(['a', 'b']);
    await channels.remove('one');
    outbox.send(notice('c'));
    await expect.poll(() => textsOf(two)).toEqual(['b', 'c']);
    expect(textsOf(one)).toEqual(['a', 'b']);
  });
});

describe('the settings of a channel', () => {
  it('are those that are sealed when it sends, not when its line was made', async () => {
    const { channels, outbox, database } = await setUp();
    const one = await addWebhook(channels, 'one');
    outbox.start();
    outbox.send(notice('a'));
    await expect.poll(() => textsOf(one)).toEqual(['a']);
    await database.commit([{ sql: "UPDATE alert_channel SET sealed = x'00'" }]);
    await channels.reload();
    outbox.send(notice('b'));
    await expect.poll(() => channels.find('one')?.lastError).toMatch(/cannot be read/);
    expect(textsOf(one)).toEqual(['a']);
  });
});

describe('a channel that is down', () => {
  it('is tried again until it works, once in the log, and its trouble stands in the list meanwhile', async () => {
    const { channels, outbox, logged } = await setUp();
    const server = await addWebhook(channels, 'one');
    server.answerWith(response => response.writeHead(500).end());
    outbox.start();
    outbox.send(notice('a'));
    await expect.poll(() => server.received.length).toBeGreaterThan(3);
    expect(channels.find('one')).toMatchObject({
      lastSentAt: null,
      lastError: expect.stringMatching(/ answers 500$/),
    });
    server.answerWith(response => response.writeHead(204).end());
    await expect.poll(() => channels.find('one')).toMatchObject({ lastSentAt: NOW, lastError: null });
    const tries = server.received.length;
    await sleep(150);
    expect(server.received).toHaveLength(tries);
    expect(logged).toMatchObject([{ event: 'alert.channel_failed', fields: { channel: 'one' } }]);
    expect(JSON.stringify(logged)).not.toContain('hook');
  });

  it('is spoken of again after an hour', async () => {
    const { channels, outbox, logged, pass } = await setUp();
    const server = await addWebhook(channels, 'one');
    server.answerWith(response => response.writeHead(500).end());
    outbox.start();
    outbox.send(notice('a'));
    await expect.poll(() => server.received.length).toBeGreaterThan(2);
    pass(HOUR);
    await expect.poll(() => logged).toHaveLength(2);
  });

  it('or hangs, slows no other channel and not those who raise alerts', async () => {
    const { channels, outbox, database, ...world } = await setUp({ timeout: 5_000 });
    const hanging = await addWebhook(channels, 'hanging');
    hanging.answerWith(() => undefined);
    const working = await addWebhook(channels, 'working');
    outbox.start();
    const alerts = await createAlerts({ ...world, database, clockTrusted: () => true, send: outbox.send });
    afterTest(alerts.close);
    const begun = performance.now();
    for (let i = 0; i < 5; i++) alerts.raise({ kind: 'disk-low', subject: `/disk${i}`, text: `disk ${i}` });
    expect(performance.now() - begun).toBeLessThan(50);
    await expect.poll(() => working.received.length, { timeout: 2_000 }).toBe(5);
    expect(hanging.received).toHaveLength(1);
  });

  it('keeps the newest twenty, and says how many were given up', async () => {
    const { channels, outbox, logged, pass } = await setUp();
    const server = await addWebhook(channels, 'one');
    server.answerWith(response => response.writeHead(500).end());
    outbox.start();
    for (let i = 0; i < 50; i++) outbox.send(notice(`alert ${i}`));
    await expect.poll(() => server.received.length).toBeGreaterThan(1);
    pass(HOUR);
    await expect.poll(() => logged.length).toBe(2);
    expect(logged[1]?.fields['text']).toMatch(/answers 500\. Given up so far: 30; /);
    server.received.length = 0;
    server.answerWith(response => response.writeHead(200).end());
    await expect.poll(() => server.received.length).toBe(20);
    expect(textsOf(server).at(-1)).toBe('alert 49');
  });

  it('is given up after a day', async () => {
    const { channels, outbox, pass } = await setUp();
    const server = await addWebhook(channels, 'one');
    server.answerWith(response => response.writeHead(500).end());
    outbox.start();
    outbox.send(notice('old'));
    await expect.poll(() => server.received.length).toBeGreaterThan(1);
    pass(25 * HOUR);
    // One more may be under way, or due.
    await sleep(400);
    const after = server.received.length;
    await sleep(200);
    expect(server.received).toHaveLength(after);
  });
});

describe('the end', () => {
  it('cuts off a channel that hangs, within about a second', async () => {
    const { channels, outbox } = await setUp({ timeout: 60_000 });
    const server = await addWebhook(channels, 'one');
    server.answerWith(() => undefined);
    outbox.start();
    outbox.send(notice('a'));
    await expect.poll(() => server.received.length).toBe(1);
    const begun = performance.now();
    await outbox.close();
    expect(performance.now() - begun).toBeLessThan(2_000);
    outbox.send(notice('b'));
  });
});
