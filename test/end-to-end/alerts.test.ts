// A whole server tells its operator, over a real webhook: a certificate of one's own that ends soon, a password that was sent
// in clear. Nothing twice after a restart, and a renewed certificate is shown to clients without one.

import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../notification/http-server.ts';
import { makeIdentity } from '../relay/identity.ts';
import { type Installation, install, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { openWire } from '../support/wire.ts';

const DAY = 86_400_000;
const PASSWORD = 'Canary-Password-4711';
const URL_SECRET = 'CANARY-URL';

const folder = makeScratch('alerts');
const tls = { certificate: join(folder, 'full.pem'), key: join(folder, 'key.pem') };
const cleanUps: (() => unknown)[] = [];
let at: Installation;
let server: Server;
let webhook: HttpServer;

beforeAll(async () => {
  await bring(10);
  webhook = await startHttpServer(cleanUp => cleanUps.push(cleanUp));
  at = await install({ tls });
  await at.json(['account', 'add', 'scanner', '--password-stdin'], { stdin: `${PASSWORD}\n` });
  const url = `${webhook.origin}/${URL_SECRET}`;
  await at.json(['alert', 'channel', 'add', 'hook', '--webhook', url, '--full']);
  server = await at.serve();
});

afterAll(async () => {
  await at?.remove();
  for (const cleanUp of cleanUps) await cleanUp();
  removeScratch(folder);
});

/** Puts a certificate in place that ends after so many days: the key first, each file at one stroke. */
async function bring(days: number): Promise<void> {
  const { certificate, key } = await makeIdentity({ notAfter: Date.now() + days * DAY });
  for (const [path, text] of [[tls.key, key] as const, [tls.certificate, certificate] as const]) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}

/** In how many days the certificate ends that a client is shown now. */
function daysShown(): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { port: at.ports.implicit, host: '127.0.0.1', rejectUnauthorized: false };
    const socket = connectTls(options, () => {
      resolve(Math.round((Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / DAY));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

const told = (kind: string) =>
  webhook.received.map(({ body }) => JSON.parse(body)).filter(one => one.kind === kind);

async function queued(): Promise<number> {
  const listed = await at.json(['queue', 'list']);
  return Array.isArray(listed) ? listed.length : 0;
}

/** A client that logs in before TLS. */
async function sendPasswordInClear(): Promise<void> {
  const wire = await openWire({ port: at.ports.starttls, ca: '' });
  await wire.reply();
  await wire.send('EHLO device\r\n');
  await wire.reply();
  await wire.send(`AUTH PLAIN ${Buffer.from(`\0scanner\0${PASSWORD}`).toString('base64')}\r\n`);
  expect((await wire.reply())[0]).toMatch(/^538 /);
  wire.close();
}

describe('a certificate of one’s own', () => {
  it('that ends soon is said to the webhook', async () => {
    await waitFor('the alert', () => told('certificate-ending').length > 0);
    expect(told('certificate-ending')).toMatchObject([
      {
        host: 'postern.test',
        severity: 'warning',
        text: expect.stringMatching(/full\.pem ends on .*, in less than 14 days\. Renew it/),
        count: 1,
      },
    ]);
  });

  it('is replaced under the running server when its files change, and only by one that works', async () => {
    expect(await daysShown()).toBe(10);
    await bring(200);
    await waitFor('the new certificate', async () => (await daysShown()) === 200);
    const kept = join(folder, 'kept.pem');
    copyFileSync(tls.certificate, kept);
    writeFileSync(tls.certificate, 'not a certificate');
    await waitFor('the refusal', () => server.log().some(({ event }) => event === 'certificate.rejected'));
    expect(await daysShown()).toBe(200);
    renameSync(kept, tls.certificate);
  });
});

describe('a password in clear', () => {
  it('is said by every channel, also one added a second ago, and to the log; but not what it is', async () => {
    await at.json(['alert', 'channel', 'add', 'mail', '--email', 'anna@example.net']);
    await sleep(1_000);
    await sendPasswordInClear();
    await waitFor('the queued mail', async () => (await queued()) > 0);
    expect(await at.json(['queue', 'list'])).toMatchObject([
      { account: null, reverse_path: 'anna@example.net', recipients: [{ forward_path: 'anna@example.net' }] },
    ]);
    await waitFor('the alert', () => told('password-exposed').length > 0);
    expect(told('password-exposed')).toMatchObject([
      { severity: 'critical', address: '127.0.0.1', count: 1 },
    ]);
    const logged = server.log().filter(({ event }) => event === 'alert');
    expect(logged.map(line => line['kind'])).toContain('password-exposed');
    expect(JSON.stringify(webhook.received)).not.toContain(PASSWORD);
    expect(server.stdout() + server.stderr()).not.toContain(PASSWORD);
    expect(server.stdout() + server.stderr()).not.toContain(URL_SECRET);
  });
});

describe('after a restart', () => {
  it('nothing is said that was said before, and the list has it all', async () => {
    await server.stop();
    const before = webhook.received.length;
    server = await at.serve();
    await sendPasswordInClear();
    await sleep(500);
    expect(webhook.received).toHaveLength(before);
    await server.stop();
    const listed = await at.json(['alert', 'list']);
    expect(listed).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'certificate-ending', count: 1 }),
        expect.objectContaining({ kind: 'password-exposed', count: 2 }),
      ]),
    );
    expect(await at.json(['alert', 'channel', 'list'])).toMatchObject([
      { name: 'hook', last_error: null, last_sent_at: expect.stringMatching(/Z$/) },
      { name: 'mail', last_error: null, last_sent_at: expect.stringMatching(/Z$/) },
    ]);
  });
});
