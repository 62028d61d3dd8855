// A real server in front of an upstream that lacks things, breaks off, talks nonsense, is somebody else, or is not there:
// every message arrives in the end, once unless it may have been taken the first time, and says what was sent.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { afterEach, describe, expect, it } from 'vitest';
import type { SubjectName } from '../../server/tls/subject-names.ts';
import { makeIdentity } from '../relay/identity.ts';
import { type Remote, type RemoteOptions, type Script, startRemote } from '../relay/remote.ts';
import {
  addAccount,
  addUpstream,
  field,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { type Access, submit } from './gate.ts';

const LOGIN = { user: 'relay', password: 'upstream pässword' };

type Trouble = Access &
  Readonly<{
    at: Installation;
    server: Server;
    remote: Remote;
    send: (subject: string, to?: readonly string[]) => Promise<void>;
  }>;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function behind(
  options: RemoteOptions,
  change: Readonly<{ host?: string; names?: readonly SubjectName[] }> = {},
): Promise<Trouble> {
  const identity = await makeIdentity(change.names === undefined ? {} : { names: change.names });
  const remote = await startRemote({ identity, ...options });
  cleanups.push(remote.close);
  const at = await install({ queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s' } });
  cleanups.push(at.remove);
  const ca = join(at.folder, 'upstream.crt');
  writeFileSync(ca, identity.authority);
  const account = await addAccount(at, 'scanner', 'printer password');
  await addUpstream(at, 'provider', {
    url: `smtp+starttls://${LOGIN.user}@${change.host ?? 'localhost'}:${remote.port}`,
    password: LOGIN.password,
    ca,
  });
  const server = await at.serve();
  const send = async (subject: string, to: readonly string[] = ['someone@destination.test']) => {
    const message = Buffer.from(`Subject: ${subject}\r\n\r\nbody of ${subject}\r\n`);
    expect(await submit({ at, account }, { message, to })).toMatch(/^250 /);
  };
  return { at, server, remote, account, send };
}

const copies = ({ remote }: Trouble, subject: string) =>
  remote.bodies.filter(body => body.includes(`body of ${subject}\r\n`)).length;

const relayed = ({ server }: Trouble) =>
  server.log().filter(line => line.event === 'recipient.relayed').length;

async function states({ at }: Trouble): Promise<readonly unknown[]> {
  const listed = await at.json(['queue', 'list']);
  return Array.isArray(listed) ? listed.flatMap(item => field(item, 'recipients') ?? []) : [];
}

const breaker = (faults: readonly string[]) => (trouble: Trouble) =>
  waitFor('the fault', () =>
    trouble.server
      .log()
      .some(line => line.event === 'upstream.fault' && faults.includes(String(line['kind']))),
  );

describe('an upstream without 8BITMIME', () => {
  it('gets what a scanner sends in 7 bits: text, names and a file of 300 KB', async () => {
    const trouble = await behind({ keywords: ['PIPELINING', 'SIZE 50000000', 'AUTH PLAIN'] });
    const picture = Buffer.from(
      Array.from({ length: 300_000 }, (_, i) => (i % 251 === 10 || i % 251 === 13 ? 0 : i % 251)),
    );
    const head = [
      ...['From: Drucker Büro <scan@sender.test>', 'Subject: Übersicht für März', 'MIME-Version: 1.0'],
      ...['Content-Type: multipart/mixed; boundary=b', '', '--b', '', 'Schöne Grüße', '.', '--b'],
      ...['Content-Type: image/tiff; name="Übersicht.tif"', 'Content-Transfer-Encoding: binary', ''],
    ];
    const message = Buffer.concat([
      Buffer.from(`${head.join('\r\n')}\r\n`),
      picture,
      Buffer.from('\r\n--b--\r\n'),
    ]);
    expect(await submit(trouble, { message })).toMatch(/^250 /);
    const body = await waitFor('the message', () => trouble.remote.bodies[0]);
    expect(body.every(octet => octet < 0x80)).toBe(true);
    const unstuffed = Buffer.from(body.toString('latin1').replaceAll('\r\n.', '\r\n'), 'latin1');
    const mail = await simpleParser(unstuffed);
    expect(mail).toMatchObject({
      subject: 'Übersicht für März',
      from: { text: '"Drucker Büro" <scan@sender.test>' },
    });
    expect(mail.text).toBe('Schöne Grüße\n.');
    expect(mail.attachments[0]?.filename).toBe('Übersicht.tif');
    expect(mail.attachments[0]?.content.equals(picture)).toBe(true);
  });
});

describe('an upstream that breaks off, talks nonsense or hangs up', () => {
  const answers = [
    'DROP',
    '421 4.3.2 shutting down',
    'HTTP/1.1 400 Bad Request',
    '250-one\n250-\x00\n451 4.3.0 no',
  ];
  const cases = (['MAIL', 'RCPT', 'DATA', 'BODY'] as const).flatMap(verb =>
    answers.map(answer => ({ verb, answer })),
  );

  it('at any step of a message gets it again, and once where it cannot have it', async () => {
    const done = new Set<string>();
    let turn = '';
    const script: Script = ({ verb, line }) => {
      if (verb === 'MAIL') turn = /<(\d+)@/.exec(line)?.[1] ?? '';
      const trouble = cases[Number(turn)];
      if (trouble?.verb !== verb || done.has(turn)) return undefined;
      done.add(turn);
      return trouble.answer;
    };
    const trouble = await behind({ script });
    for (const number of cases.keys()) {
      const message = Buffer.from(`Subject: s\r\n\r\nbody of ${number}.\r\n`);
      expect(await submit(trouble, { from: `${number}@sender.test`, message })).toMatch(/^250 /);
      // One after the other: several that break in a row would pause the upstream.
      await waitFor(`message ${number}`, () => relayed(trouble) === number + 1, 60_000);
    }
    expect(done.size).toBe(cases.length);
    for (const [number, { verb, answer }] of cases.entries()) {
      // After the whole message nobody can know: this upstream had it the first time, whatever it said.
      expect(copies(trouble, `${number}.`), `${verb} ${answer}`).toBe(verb === 'BODY' ? 2 : 1);
    }
  });

  it('and is only slow has taken it', async () => {
    const trouble = await behind({
      script: ({ verb }) => (verb === 'BODY' ? 'LATE:250 2.0.0 at last' : undefined),
    });
    await trouble.send('slow');
    await waitFor('its end', () => relayed(trouble) === 1);
    expect(copies(trouble, 'slow')).toBe(1);
  });
});

const refusesTls: Script = ({ verb }) => (verb === 'STARTTLS' ? '454 4.7.0 not now' : undefined);

describe('an upstream that cannot be trusted or found', () => {
  it.each([
    ['refuses STARTTLS', { script: refusesTls }, {}],
    ['shows a certificate of somebody else', {}, { names: [{ kind: 'dns', value: 'other.example' }] }],
    ['is in no DNS', {}, { host: 'nowhere.invalid' }],
  ] as const)('because it %s never sees a login or the message, which waits', async (_what, options, change) => {
    const trouble = await behind(options, change);
    await trouble.send('patient');
    await breaker(['tls', 'unreachable', 'throttled'])(trouble);
    expect(trouble.remote.commands.filter(line => /^(AUTH|MAIL)/.test(line))).toEqual([]);
    expect(await states(trouble)).toMatchObject([{ state: 'deferred' }]);
  });

  it('gets the mail once it is set right', async () => {
    const trouble = await behind({}, { host: 'nowhere.invalid' });
    await trouble.send('patient');
    await breaker(['unreachable'])(trouble);
    const url = `smtp+starttls://${LOGIN.user}@localhost:${trouble.remote.port}`;
    const set = await trouble.at.cli(['upstream', 'set', 'provider', '--url', url, '--password-stdin'], {
      stdin: `${LOGIN.password}\n`,
    });
    expect(set.code, set.stderr).toBe(0);
    await waitFor('the message', () => copies(trouble, 'patient') === 1);
  });
});
