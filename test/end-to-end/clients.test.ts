// Programs that nobody here wrote, through Postern to a real upstream: each client with each mechanism that it has and
// each kind of password, right and wrong. What they have in common is checked at the far end; that no secret reached the
// log, at the end. The table in server/README.md is what was found here: UPDATE_CLIENT_TABLE=1 rewrites it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { waitFor } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import type { Client, Mechanism, Order, Outcome } from './clients/client.ts';
import { clientTable, tableInReadme } from './clients/client-table.ts';
import { curl } from './clients/curl.ts';
import { gsasl } from './clients/gsasl.ts';
import { msmtp } from './clients/msmtp.ts';
import { openssl, sClient } from './clients/openssl.ts';
import { addAccountsOfKinds, type PasswordKind, passwordKinds } from './clients/password-kind.ts';
import { scramInPython } from './clients/scram.ts';
import { smtplib } from './clients/smtplib.ts';
import { swaks } from './clients/swaks.ts';
import { type Gate, openGate, plainToken } from './gate.ts';

const skip = mustSkip('end-to-end clients', suiteNeeds['end-to-end']);
const clients: readonly Client[] = [smtplib, swaks, msmtp, curl, openssl, gsasl, scramInPython];
let gate: Gate;
let passwords: ReadonlyMap<string, string>;
const found = new Map<string, Outcome>();

beforeAll(async () => {
  if (skip) return;
  gate = await openGate();
  passwords = await addAccountsOfKinds(gate.at);
  mkdirSync(join(gate.at.folder, 'clients'));
});

afterAll(async () => gate?.close());

const subjectOf = (client: Client, mechanism: Mechanism, kind: PasswordKind) =>
  `${client.name} ${mechanism} ${kind.id}`;

/** The password of the account, or `wrong`: the same with one character more. */
function order(client: Client, mechanism: Mechanism, kind: PasswordKind, wrong = ''): Order {
  const { ports, ca, folder } = gate.at;
  const [row, column] = [clients.indexOf(client), passwordKinds.indexOf(kind)];
  return {
    ports,
    ca,
    listener: kind.listener,
    mechanism,
    name: kind.name,
    folder: join(folder, 'clients'),
    password: kind.octets(`${passwords.get(kind.name)}${wrong}`),
    recipient: `someone@${DESTINATION}`,
    subject: `${subjectOf(client, mechanism, kind)}${wrong && ' wrong'}`,
    // An address for each, as devices have, so that the throttle holds back the answer to none of them for others.
    from: `127.${wrong === '' ? 1 : 2}.${row * 10 + client.mechanisms.indexOf(mechanism)}.${column + 1}`,
  };
}

describe.skipIf(skip)('a client', () => {
  const cells = clients.flatMap(client =>
    client.mechanisms.flatMap(mechanism =>
      passwordKinds.map(kind => [subjectOf(client, mechanism, kind), client, mechanism, kind] as const),
    ),
  );

  it.each(cells)('%s', async (subject, client, mechanism, kind) => {
    const outcome = await client.submit(order(client, mechanism, kind));
    found.set(subject, outcome);
    expect(['sent', 'cannot'], JSON.stringify(outcome)).toContain(outcome.kind);
  });

  it.each(
    clients.map(client => [client.name, client] as const),
  )('%s is told 535 for every wrong password', async (_, client) => {
    const own = cells.filter(([, one]) => one === client);
    const told = await Promise.all(
      own.map(async ([subject, , mechanism, kind]) => {
        const outcome = await client.submit(order(client, mechanism, kind, 'x'));
        return [subject, outcome] as const;
      }),
    );
    const expected = own.map(([subject]) => {
      const right = found.get(subject);
      return [subject, right?.kind === 'cannot' ? right : { kind: 'refused' }];
    });
    expect(told).toEqual(expected);
  });

  it('has its message at the far end', async () => {
    const awaited = [...found].filter(([, outcome]) => outcome.kind === 'sent').map(([subject]) => subject);
    await waitFor('every message to arrive', () => {
      const arrived = gate.postfix.delivered().map(message => message.toString('latin1'));
      return awaited.every(subject => arrived.some(message => message.includes(`\nSubject: ${subject}\n`)));
    });
    const messages = gate.postfix.delivered().map(message => message.toString('utf8'));
    for (const message of messages)
      expect(message).toMatch(
        /\nReceived: from .*\(.*\[127\.\d+\.\d+\.\d+\]\)[\s\S]*? with (UTF8SMTP|ESMTP)SA/,
      );
    const fromPython = messages.filter(message => message.includes('\nSubject: smtplib '));
    for (const message of fromPython) expect(message).toMatch(/\n\.\n\.\.two dots\n$/);
  });

  it('can do what the table in server/README.md says', () => {
    const table = clientTable(clients, passwordKinds, (client, mechanism, kind) =>
      found.get(`${client.name} ${mechanism} ${kind.id}`),
    );
    expect(tableInReadme(table), 'UPDATE_CLIENT_TABLE=1 rewrites the table').toBe(table);
  });
});

describe.skipIf(skip)('openssl s_client', () => {
  // It sends no SNI for a name without a dot unless told to.
  const sni = ['-servername', 'localhost'];
  const rsaOnly = ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256'];
  const ecdsa = ['-tls1_3', '-sigalgs', 'ecdsa_secp256r1_sha256:rsa_pkcs1_sha256'];
  const cases = [
    ['TLS 1.3 over STARTTLS', 'starttls', ['-tls1_3', ...sni]],
    ['TLS 1.2 over STARTTLS', 'starttls', ['-tls1_2', ...sni]],
    ['TLS 1.3 from the start', 'implicit', ['-tls1_3', ...sni]],
    ['TLS 1.2 without SNI', 'implicit', ['-tls1_2', '-noservername']],
    ['TLS 1.3 without SNI over STARTTLS', 'starttls', ['-tls1_3', '-noservername']],
    ['the RSA leaf, TLS 1.2', 'implicit', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256', ...sni]],
    ['the ECDSA leaf, TLS 1.2', 'implicit', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256', ...sni]],
    ['the RSA leaf, TLS 1.3', 'implicit', [...rsaOnly, ...sni]],
    ['the ECDSA leaf, TLS 1.3', 'starttls', [...ecdsa, ...sni]],
    ['the RSA leaf, TLS 1.3 without SNI', 'implicit', [...rsaOnly, '-noservername']],
    ['the ECDSA leaf, TLS 1.3 without SNI', 'starttls', [...ecdsa, '-noservername']],
  ] as const;
  it.each(cases)('%s', async (name, listener, options) => {
    const done = await sClient({ ...gate.at, listener }, options, [
      'EHLO s-client.example',
      `AUTH PLAIN ${plainToken(gate.account)}`,
      'MAIL FROM:<openssl@sender.test>',
      `RCPT TO:<someone@${DESTINATION}>`,
      'DATA',
      `Subject: by hand over ${name}`,
      '',
      'typed by hand',
      '.',
      'QUIT',
    ]);
    expect(done.stdout, done.stderr).toMatch(/^250 2\.0\.0 Ok: queued as \S+\r?\n221 2\.0\.0 Bye/m);
    const message = (await gate.arrival(`by hand over ${name}`)).toString('latin1');
    // RFC 6409 §8: what a hand-typed mail lacks is added.
    expect(message).toMatch(/^From: <?openssl@sender\.test>?$/m);
    expect(message).toMatch(/^Date: /m);
    expect(message).toMatch(/^Message-ID: <.+@.+>$/im);
    expect(message.endsWith(`Subject: by hand over ${name}\n\ntyped by hand\n`)).toBe(true);
  });

  it('is refused with TLS 1.1', async () => {
    const options = ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'];
    const done = await sClient({ ...gate.at, listener: 'implicit' }, options, ['QUIT']);
    expect(done.code).not.toBe(0);
    expect(done.stdout).not.toContain('220 ');
  });
});

describe.skipIf(skip)('afterwards', () => {
  it('no secret is in the log', () => {
    const output = Buffer.from(`${gate.server.stdout()}${gate.server.stderr()}`).toString('latin1');
    const tried = passwordKinds.flatMap(kind => {
      const password = `${passwords.get(kind.name)}`;
      return ['', 'x'].map(wrong => Buffer.from(kind.octets(`${password}${wrong}`)));
    });
    const secrets = [gate.account.password, gate.postfix.password].map(password => Buffer.from(password));
    for (const octets of [...tried, ...secrets]) {
      const quoted = Buffer.from(JSON.stringify(octets.toString('utf8')).slice(1, -1));
      const forms = [octets, quoted].map(form => form.toString('latin1'));
      for (const form of [...forms, octets.toString('base64').replace(/=+$/, ''), octets.toString('hex')])
        expect(output.includes(form), `in the log: ${form}`).toBe(false);
    }
    expect(output.includes(plainToken(gate.account))).toBe(false);
  });

  it('every line on stdout is an event', () => {
    const log = gate.server.log();
    expect(log.length).toBeGreaterThan(10);
    for (const line of log)
      expect(line).toMatchObject({ time: expect.any(String), level: expect.any(String) });
    expect(log.some(line => line.event === 'recipient.relayed')).toBe(true);
  });
});
