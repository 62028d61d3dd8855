// Webhook, ntfy and e-mail against a real server and a real queue: what goes over the wire, and what is said when it fails.

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ChannelSettings } from '../../server/notification/channel.ts';
import { type ChannelDeps, openChannel } from '../../server/notification/channels/open-channel.ts';
import type { Detail, Notice } from '../../server/notification/notice.ts';
import { countWaitingAlerts } from '../../server/notification/waiting-mail.ts';
import { createQueueListing } from '../../server/queue/operator-listing.ts';
import { createQueue } from '../../server/queue/queue.ts';
import { makeWorld, NOW } from '../audit/support.ts';
import { freshDatabase } from '../storage/fresh-database.ts';
import { freePort } from '../support/ports.ts';
import { startHttpServer } from './http-server.ts';

const notice: Notice = {
  kind: 'repeated-failures',
  subject: 'Büro-Scanner',
  text: 'Logins of account "Büro-Scanner" from 192.0.2.7 fail again and again.',
  account: 'Büro-Scanner',
  address: '192.0.2.7',
  at: NOW,
  count: 1,
  since: NOW,
};
const SECRET = 'a secret of the receiver';

async function setUp() {
  const world = makeWorld();
  const { database } = await freshDatabase();
  const queue = createQueue({ database, newId: world.newId });
  const deps: ChannelDeps = {
    ...world,
    host: 'nas.lan',
    clockTrusted: () => true,
    believedTime: world.clock.now,
    enqueue: queue.enqueue,
    waiting: () => countWaitingAlerts(database),
    timeout: 400,
  };
  const send = (
    settings: ChannelSettings,
    detail: Detail,
    one: Notice = notice,
    more?: Partial<ChannelDeps>,
  ) => openChannel({ detail }, settings, { ...deps, ...more })(one, new AbortController().signal);
  return { database, queue, send };
}

describe('a webhook', () => {
  it('gets signed JSON that its receiver can check', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    const url = `${server.origin}/hook?token=xyz`;
    expect(await send({ kind: 'webhook', url, secret: SECRET }, 'full')).toMatchObject({ kind: 'ok' });
    const [{ url: path, headers, body } = { url: '', headers: {}, body: '' }] = server.received;
    expect(path).toBe('/hook?token=xyz');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      kind: 'repeated-failures',
      severity: 'warning',
      host: 'nas.lan',
      time: '2026-11-20T09:00:00.000Z',
      text: notice.text,
      subject: 'Büro-Scanner',
      account: 'Büro-Scanner',
      address: '192.0.2.7',
      count: 1,
    });
    const timestamp = headers['x-postern-timestamp'];
    expect(timestamp).toBe(String(NOW / 1000));
    const expected = createHmac('sha256', Buffer.from(SECRET)).update(Buffer.from(`${timestamp}.${body}`));
    expect(headers['x-postern-signature']).toBe(`sha256=${expected.digest('hex')}`);
  });

  it('gets the time that can be believed for its timestamp, also while the clock is wrong', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    const settings = { kind: 'webhook', url: server.origin, secret: SECRET } as const;
    await send(settings, 'minimal', { ...notice, at: 0 }, { believedTime: () => NOW + 7_900 });
    expect(server.received[0]?.headers['x-postern-timestamp']).toBe(String(NOW / 1000 + 7));
  });

  it('of others gets no name and no address', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    await send({ kind: 'webhook', url: server.origin, secret: SECRET }, 'minimal', { ...notice, count: 7 });
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      kind: 'repeated-failures',
      severity: 'warning',
      host: 'nas.lan',
      time: '2026-11-20T09:00:00.000Z',
      text: 'Logins of an account fail again and again. (7 times since 2026-11-20 09:00 UTC.)',
      count: 7,
    });
  });
});

describe('ntfy', () => {
  it('gets text, title, priority, tags and the token', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    await send({ kind: 'ntfy', url: `${server.origin}/topic`, token: 'tk_abc' }, 'full', {
      ...notice,
      kind: 'disk-low',
    });
    expect(server.received[0]).toMatchObject({
      url: '/topic',
      body: notice.text,
      headers: {
        title: 'Postern on nas.lan',
        priority: '5',
        tags: 'rotating_light',
        authorization: 'Bearer tk_abc',
        'content-type': 'text/plain; charset=utf-8',
      },
    });
  });

  it('of others gets the least, and no token where there is none', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    await send({ kind: 'ntfy', url: `${server.origin}/topic`, token: null }, 'minimal');
    const [received] = server.received;
    expect(received).toMatchObject({ body: 'Logins of an account fail again and again.' });
    expect(received?.headers).toMatchObject({ title: 'Postern', priority: '4' });
    expect(JSON.stringify(received)).not.toMatch(/Scanner|192\.0\.2|authorization/);
  });
});

describe('what fails is said in words, without the URL', () => {
  const failing = async (
    answer: Parameters<Awaited<ReturnType<typeof startHttpServer>>['answerWith']>[0],
  ): Promise<string> => {
    const { send } = await setUp();
    const server = await startHttpServer();
    server.answerWith(answer);
    const url = `${server.origin}/SECRET-PATH?token=SECRET-TOKEN`;
    const sent = await send({ kind: 'webhook', url, secret: SECRET }, 'full');
    expect(sent.kind).toBe('failed');
    expect(sent.text).not.toContain('SECRET');
    return sent.text.replace(/127\.0\.0\.1:\d+/, 'HOST');
  };

  it.each([
    [500, 'HOST answers 500'],
    [401, 'HOST does not let us in (401): check the token or the URL'],
    [404, 'HOST knows no such address (404): check the URL'],
    [429, 'HOST says that it gets too many messages (429)'],
  ])('%i', async (status, text) => {
    expect(await failing(response => response.writeHead(status).end('Cannot POST /SECRET-PATH'))).toBe(text);
  });

  it('a redirect, which is not followed', async () => {
    const elsewhere = await startHttpServer();
    const text = await failing(response => response.writeHead(307, { Location: elsewhere.origin }).end());
    expect(text).toBe('HOST answers with a redirect (307): give the URL that it leads to');
    expect(elsewhere.received).toEqual([]);
  });

  it('a server that hangs', async () => {
    expect(await failing(() => undefined)).toBe('HOST did not answer within 0.4 seconds');
  });

  it('a server that hangs up', async () => {
    expect(await failing(response => response.destroy())).toMatch(/^HOST cannot be reached \(\w+\)$/);
  });

  it('nobody there, a wrong name, no TLS', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    const port = await freePort();
    const text = async (url: string) => (await send({ kind: 'ntfy', url, token: null }, 'full')).text;
    expect(await text(`http://127.0.0.1:${port}/t`)).toBe(`127.0.0.1:${port} refuses the connection`);
    expect(await text('http://no-such-name.invalid/t')).toMatch(
      /^the name of no-such-name.invalid cannot be looked up|did not answer/,
    );
    expect(await text(`${server.origin.replace('http:', 'https:')}/t`)).toMatch(
      /^the TLS connection to .* failed/,
    );
  });

  it('an answer that never ends is not read', async () => {
    const { send } = await setUp();
    const server = await startHttpServer();
    let written = 0;
    server.answerWith(response => {
      const timer = setInterval(() => {
        written += 65_536;
        response.write(Buffer.alloc(65_536));
      }, 1);
      response.on('close', () => clearInterval(timer));
    });
    expect(await send({ kind: 'webhook', url: server.origin, secret: SECRET }, 'full')).toMatchObject({
      kind: 'ok',
    });
    const atOnce = written;
    await new Promise(resolve => setTimeout(resolve, 100));
    expect(written - atOnce).toBeLessThan(50 * 65_536);
  });
});

describe('e-mail', () => {
  const settings = { kind: 'email', to: 'anna@example.net', from: 'postern@example.net' } as const;

  it('is queued as mail of its own kind', async () => {
    const { database, queue, send } = await setUp();
    expect(await send(settings, 'full')).toMatchObject({ kind: 'ok' });
    const [listed] = await createQueueListing(database).list({});
    expect(listed).toMatchObject({
      account: null,
      reversePath: 'postern@example.net',
      recipients: [{ forwardPath: 'anna@example.net', state: 'queued' }],
    });
    const [row] = await database.read('SELECT kind, body_type, smtputf8 FROM message');
    expect(row).toEqual({ kind: 'alert', body_type: '7bit', smtputf8: 0 });
    const octets = Buffer.from((await queue.body(listed?.id ?? '')) ?? []);
    expect(octets.length).toBe(listed?.size);
    expect(octets.toString('latin1')).toContain('\r\nAuto-Submitted: auto-generated\r\n');
  });

  it('to an address that is not ASCII asks for SMTPUTF8', async () => {
    const { database, send } = await setUp();
    await send({ ...settings, to: 'büro@example.net' }, 'full');
    const [row] = await database.read('SELECT kind, body_type, smtputf8 FROM message');
    expect(row).toEqual({ kind: 'alert', body_type: '8bitmime', smtputf8: 1 });
  });

  it('is refused while twenty wait already, and when the queue refuses', async () => {
    const { database, send } = await setUp();
    for (let i = 0; i < 20; i++) await send(settings, 'full');
    expect(await send(settings, 'full')).toEqual({
      kind: 'failed',
      text: '20 alert messages wait already: "postern queue list" shows why they are not relayed',
    });
    await database.commit([{ sql: "UPDATE recipient SET state = 'relayed'" }]);
    const full = { enqueue: async () => ({ kind: 'full', text: 'no room' }) as const };
    expect(await send(settings, 'full', notice, full)).toEqual({
      kind: 'failed',
      text: 'the message could not be queued: full',
    });
  });
});
