// What the operator does while the server runs takes effect within a second; what the upstream says is shown.
// Also the edges of a server's life: a second one is refused, a port in use, SIGTERM.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { field, install, isReady } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import { openWire } from '../support/wire.ts';
import { type Gate, login, openGate, plainToken, say, submit } from './gate.ts';

const skip = mustSkip('end-to-end operator', suiteNeeds['end-to-end']);
let gate: Gate;

beforeAll(async () => {
  if (!skip) gate = await openGate({ queue: { retry_min: '1s' } });
});

afterAll(async () => gate?.close());

const mail = (subject: string) => Buffer.from(`Subject: ${subject}\r\n\r\nbody\r\n`);

async function canLogIn(): Promise<boolean> {
  const wire = await login(gate).catch(() => null);
  wire?.close();
  return wire !== null;
}

/** The recipients of the message from this reverse-path, as `queue list --json` shows them. */
async function recipients(reversePath: string): Promise<readonly unknown[]> {
  const list = await gate.at.json(['queue', 'list']);
  if (!Array.isArray(list)) throw new Error('queue list printed no array');
  const found = list.find(item => field(item, 'reverse_path') === reversePath);
  const rows = field(found, 'recipients');
  return Array.isArray(rows) ? rows : [];
}

async function done(args: readonly string[], stdin = ''): Promise<void> {
  const result = await gate.at.cli(args, { stdin });
  expect(result.code, result.stderr).toBe(0);
}

describe.skipIf(skip)('an account, changed while the server runs', () => {
  it('is refused within a second of being disabled, and accepted again when enabled', async () => {
    expect(await canLogIn()).toBe(true);
    await done(['account', 'disable', gate.account.name]);
    await waitFor('the refusal', async () => !(await canLogIn()), 1000);
    await done(['account', 'enable', gate.account.name]);
    await waitFor('the login', canLogIn, 1000);
  });

  it('has its new password within a second, and no longer the old one', async () => {
    await done(['account', 'password', gate.account.name, '--password-stdin'], 'another secret\n');
    await waitFor('the refusal of the old one', async () => !(await canLogIn()), 1000);
    await done(['account', 'password', gate.account.name, '--password-stdin'], `${gate.account.password}\n`);
    await waitFor('the login', canLogIn, 1000);
  });

  it('is shown with the time of its last use', async () => {
    const list = await gate.at.json(['account', 'list']);
    expect(list).toMatchObject([{ name: gate.account.name, enabled: true, created_at: expect.any(String) }]);
  });
});

describe.skipIf(skip)('an upstream, changed while the server runs', () => {
  it('passes its test', async () => {
    const result = await gate.at.json(['upstream', 'test', 'postfix']);
    expect(result).toMatchObject({ ok: true });
  });

  it('holds mail while paused and relays it when resumed', async () => {
    await done(['upstream', 'pause', 'postfix']);
    await waitFor('the pause', async () => {
      const shown = await gate.at.json(['upstream', 'list']);
      return Array.isArray(shown);
    });
    await submit(gate, { from: 'paused@sender.test', message: mail('while paused') });
    expect(await recipients('paused@sender.test')).toMatchObject([{ state: 'queued', attempts: 0 }]);
    await done(['upstream', 'resume', 'postfix']);
    await gate.arrival('Subject: while paused\n');
  });
});

describe.skipIf(skip)('what the upstream says about each recipient', () => {
  it('is kept apart: one relayed, one failed, one deferred', async () => {
    const to = ['good', 'refused', 'later'].map(name => `${name}@${DESTINATION}`);
    await submit(gate, { from: 'apart@sender.test', to, message: mail('three fates') });
    await gate.arrival('Subject: three fates\n');
    const rows = await waitFor('the outcome of each', async () => {
      const now = await recipients('apart@sender.test');
      const states = now.map(row => field(row, 'state'));
      return states.includes('failed') && states.includes('deferred') ? now : undefined;
    });
    expect(rows).toMatchObject([
      { forward_path: `good@${DESTINATION}`, state: 'relayed' },
      {
        forward_path: `refused@${DESTINATION}`,
        state: 'failed',
        last_reply: expect.stringContaining('550 5.1.1'),
      },
      {
        forward_path: `later@${DESTINATION}`,
        state: 'deferred',
        last_reply: expect.stringContaining('451 4.2.1'),
      },
    ]);
    expect(gate.server.log().some(line => line.event === 'recipient.failed')).toBe(true);
  });
});

describe.skipIf(skip)('the admin port', () => {
  it('tells whether the server lives and is ready, and hands out the CA', async () => {
    const base = `http://127.0.0.1:${gate.at.ports.admin}`;
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    const ca = await fetch(`${base}/ca.crt`);
    expect(await ca.text()).toBe(readFileSync(gate.at.ca, 'utf8'));
  });
});

describe.skipIf(skip)('the life of a server', () => {
  it('a second one on the same data folder is refused in one line', async () => {
    const second = await gate.at.cli(['serve']);
    expect(second.code).toBe(1);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect(await isReady(gate.at.ports.admin)).toBe(true);
  });

  it('a port in use is named with the remedy, exit 1', async () => {
    const other = await install();
    const blocker = createServer();
    await new Promise<void>(resolve => blocker.listen(other.ports.starttls, '127.0.0.1', resolve));
    try {
      const refused = await other.cli(['serve']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(String(other.ports.starttls));
      expect(refused.stderr.trim().split('\n').at(-1)).toMatch(
        /another program already uses it\. .*"listeners"/,
      );
    } finally {
      blocker.close();
      await other.remove();
    }
  });

  it('SIGTERM lets a running DATA end, tells idle clients 421, and exits 0', async () => {
    const at = await install();
    const own: Gate = { ...gate, at };
    try {
      await at.cli(['account', 'add', own.account.name, '--password-stdin'], {
        stdin: `${own.account.password}\n`,
      });
      const server = await at.serve();
      const sending = await login(own);
      await say(sending, 'MAIL FROM:<last@sender.test>', '250');
      await say(sending, `RCPT TO:<someone@${DESTINATION}>`, '250');
      await say(sending, 'DATA', '354');
      await sending.send('Subject: the last one\r\n\r\nfirst half\r\n');
      const idle = await openWire({
        port: at.ports.implicit,
        ca: readFileSync(at.ca, 'utf8'),
        implicitTls: true,
      });
      await say(idle, '', '220');
      server.signal('SIGTERM');
      expect((await idle.reply())[0]).toMatch(/^421 4\.3\.2 /);
      await sending.send('second half\r\n.\r\n');
      expect((await sending.reply())[0]).toMatch(/^250 2\.0\.0 Ok: queued as /);
      expect(await server.exited).toEqual({ code: 0, signal: null });
      const list = await at.json(['queue', 'list']);
      expect(list).toMatchObject([{ reverse_path: 'last@sender.test', recipients: [{ state: 'queued' }] }]);
    } finally {
      await at.remove();
    }
  });

  it('a second SIGTERM ends it at once, also in the middle of a message', async () => {
    const at = await install();
    const own: Gate = { ...gate, at };
    try {
      await at.cli(['account', 'add', own.account.name, '--password-stdin'], {
        stdin: `${own.account.password}\n`,
      });
      const server = await at.serve();
      const sending = await login(own);
      await say(sending, 'MAIL FROM:<never@sender.test>', '250');
      await say(sending, `RCPT TO:<someone@${DESTINATION}>`, '250');
      await say(sending, 'DATA', '354');
      server.signal('SIGTERM');
      await waitFor('the stop to begin', () => server.log().some(line => line.event === 'server.stopping'));
      server.signal('SIGTERM');
      // Well below the 8 s that a message under way is given.
      const exited = await Promise.race([server.exited, sleep(4000)]);
      expect(exited, 'still running after a second signal').toBeDefined();
      sending.close();
    } finally {
      await at.remove();
    }
  });

  it('a login is refused with 535 in any form that is not the password', async () => {
    const wire = await openWire({
      port: gate.at.ports.implicit,
      ca: readFileSync(gate.at.ca, 'utf8'),
      implicitTls: true,
    });
    await say(wire, '', '220');
    await say(wire, 'EHLO x', '250');
    await say(wire, `AUTH PLAIN ${plainToken({ ...gate.account, password: 'MiPasw0rd$N' })}`, '535 5.7.8');
    wire.close();
  });
});
