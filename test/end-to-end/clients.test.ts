// Real clients through Postern to a real upstream: Python's smtplib, swaks, openssl s_client.
// What they have in common is checked at the far end; that no secret reached the log, at the end.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Account, addAccount } from '../support/postern.ts';
import { type Finished, run } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import { type Gate, openGate, plainToken } from './gate.ts';

const skip = mustSkip('end-to-end clients', suiteNeeds['end-to-end']);
let gate: Gate;
/** smtplib's own login and swaks take ASCII only. */
let ascii: Account;

beforeAll(async () => {
  if (skip) return;
  gate = await openGate();
  ascii = await addAccount(gate.at, 'printer', 'plain $ecret #1');
});

afterAll(async () => gate?.close());

describe.skipIf(skip)('Python smtplib', () => {
  const modes = [
    ['starttls', 'ascii'],
    ['implicit', 'ascii'],
    ['login-utf8', 'non-ascii'],
    ['login-cp1252', 'non-ascii'],
  ] as const;
  it.each(modes)('%s with a %s password', async (mode, kind) => {
    const account = kind === 'ascii' ? ascii : gate.account;
    const marker = `python-${mode}`;
    const done = await run(['python3', `${import.meta.dirname}/submit.py`], {
      env: {
        MODE: mode,
        PORT: String(mode === 'implicit' ? gate.at.ports.implicit : gate.at.ports.starttls),
        CA: gate.at.ca,
        NAME: account.name,
        PASSWORD: account.password,
        SENDER: 'python@sender.test',
        RECIPIENT: `someone@${DESTINATION}`,
        MARKER: marker,
        PYTHONUTF8: '1',
      },
    });
    expect(done).toMatchObject({ code: 0, stdout: 'sent\n' });
    const message = (await gate.arrival(`from Python ${marker}`)).toString('utf8');
    expect(message).toMatch(/\n\.\n\.\.two dots\n$/);
  });
});

describe.skipIf(skip)('swaks', () => {
  const cases = [
    ['PLAIN', '--tls', 'starttls'],
    ['LOGIN', '--tls', 'starttls'],
    ['PLAIN', '--tls-on-connect', 'implicit'],
    ['LOGIN', '--tls-on-connect', 'implicit'],
  ] as const;
  it.each(cases)('AUTH %s %s', async (mechanism, tls, listener) => {
    const marker = `swaks ${mechanism} ${listener}`;
    const done = await run([
      ...['swaks', '--server', 'localhost', '--port', String(gate.at.ports[listener]), tls],
      ...['--tls-verify', '--tls-ca-path', gate.at.ca, '--auth', mechanism, '--auth-user', ascii.name],
      ...['--auth-password', ascii.password, '--from', 'swaks@sender.test', '--to', `someone@${DESTINATION}`],
      ...['--header', `Subject: ${marker}`, '--body', 'from swaks'],
    ]);
    expect(done.code, `${done.stdout}${done.stderr}`).toBe(0);
    const message = (await gate.arrival(marker)).toString('latin1');
    expect(message).toMatch(/\nReceived: from .*\(.*\[127\.0\.0\.1\]\)[\s\S]*? with ESMTPSA/);
  });

  it('is told 535 for a wrong password', async () => {
    const done = await run([
      ...[
        'swaks',
        '--server',
        'localhost',
        '--port',
        String(gate.at.ports.starttls),
        '--tls',
        '--auth',
        'PLAIN',
      ],
      ...['--auth-user', ascii.name, '--auth-password', 'a wrong secret', '--to', `someone@${DESTINATION}`],
    ]);
    expect(done.code).toBe(28); // swaks: error with auth
    expect(done.stdout).toContain('535 5.7.8 Authentication credentials invalid');
  });
});

describe.skipIf(skip)('openssl s_client', () => {
  const cases = [
    ['TLS 1.3 over STARTTLS', 'starttls', ['-tls1_3']],
    ['TLS 1.2 over STARTTLS', 'starttls', ['-tls1_2']],
    ['TLS 1.3 from the start', 'implicit', ['-tls1_3']],
    ['TLS 1.2 without SNI', 'implicit', ['-tls1_2', '-noservername']],
    ['TLS 1.3 without SNI over STARTTLS', 'starttls', ['-tls1_3', '-noservername']],
    ['the RSA leaf, TLS 1.2', 'implicit', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256']],
    ['the ECDSA leaf, TLS 1.2', 'implicit', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256']],
    ['the RSA leaf, TLS 1.3', 'implicit', ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256']],
  ] as const;
  it.each(cases)('%s', async (name, listener, options) => {
    const done = await sClient(listener, options, [
      'EHLO s-client.example',
      `AUTH PLAIN ${plainToken(gate.account)}`,
      'MAIL FROM:<openssl@sender.test>',
      `RCPT TO:<someone@${DESTINATION}>`,
      'DATA',
      `Subject: openssl ${name}`,
      '',
      'typed by hand',
      '.',
      'QUIT',
    ]);
    expect(done.stdout, done.stderr).toMatch(/^250 2\.0\.0 Ok: queued as \S+\r?\n221 2\.0\.0 Bye/m);
    const message = (await gate.arrival(`openssl ${name}`)).toString('latin1');
    // RFC 6409 §8: what a hand-typed mail lacks is added.
    expect(message).toMatch(/^From: <?openssl@sender\.test>?$/m);
    expect(message).toMatch(/^Date: /m);
    expect(message).toMatch(/^Message-ID: <.+@.+>$/im);
    expect(message.endsWith(`Subject: openssl ${name}\n\ntyped by hand\n`)).toBe(true);
  });

  it('is refused with TLS 1.1', async () => {
    const done = await sClient('implicit', ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], ['QUIT']);
    expect(done.code).not.toBe(0);
    expect(done.stdout).not.toContain('220 ');
  });
});

describe.skipIf(skip)('afterwards', () => {
  it('no secret is in the log', () => {
    const output = `${gate.server.stdout()}${gate.server.stderr()}`;
    const passwords = [gate.account.password, ascii.password, gate.postfix.password, 'a wrong secret'];
    const encoded = passwords.flatMap(password => [
      password,
      JSON.stringify(password).slice(1, -1),
      Buffer.from(password, 'utf8').toString('base64').replace(/=+$/, ''),
      Buffer.from(password, 'latin1').toString('base64').replace(/=+$/, ''),
    ]);
    const tokens = [gate.account, ascii].map(plainToken);
    for (const secret of [...encoded, ...tokens])
      expect(output.includes(secret), `in the log: ${secret}`).toBe(false);
  });

  it('every line on stdout is an event', () => {
    const log = gate.server.log();
    expect(log.length).toBeGreaterThan(10);
    for (const line of log)
      expect(line).toMatchObject({ time: expect.any(String), level: expect.any(String) });
    expect(log.some(line => line.event === 'recipient.relayed')).toBe(true);
  });
});

function sClient(
  listener: 'starttls' | 'implicit',
  options: readonly string[],
  lines: readonly string[],
): Promise<Finished> {
  const starttls = listener === 'starttls' ? ['-starttls', 'smtp'] : [];
  return run(
    [
      ...['openssl', 's_client', '-quiet', '-connect', `localhost:${gate.at.ports[listener]}`, ...starttls],
      ...['-CAfile', gate.at.ca, '-verify_return_error', '-verify_hostname', 'localhost', ...options],
    ],
    { stdin: `${lines.join('\r\n')}\r\n` },
  );
}
