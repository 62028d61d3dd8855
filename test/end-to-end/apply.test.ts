// Declarations as a running server takes them over: an empty one that is declared whole, one that is changed, and one that
// another machine gets by an export with its secrets.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Installation, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { type PostfixUpstream, startPostfix } from '../support/upstream-postfix.ts';
import { login, submit } from './gate.ts';

const skip = mustSkip('end-to-end apply', suiteNeeds['end-to-end']);
const account = { name: 'küche-scanner', password: 'MiPasw0rd$Ñ #"\\ €' };

let postfix: PostfixUpstream;
let at: Installation;
let other: Installation;

beforeAll(async () => {
  if (skip) return;
  [postfix, at, other] = await Promise.all([startPostfix(), install(), install()]);
  await Promise.all([at.serve(), other.serve()]);
});

afterAll(async () => {
  await Promise.all([at?.remove(), other?.remove()]);
  await postfix?.stop();
});

function declaration(more: object = {}): string {
  return JSON.stringify({
    version: 1,
    upstreams: [
      {
        name: 'postfix',
        url: `smtp+starttls://${postfix.user}@localhost:${postfix.ports.starttls}`,
        password: { env: 'RELAY_PASSWORD' },
        ca: readFileSync(postfix.ca, 'utf8'),
      },
    ],
    accounts: [{ name: account.name, password: account.password, ...more }],
    recipients: [{ pattern: 'root', forward_path: 'someone@destination.test' }],
  });
}

async function apply(text: string): Promise<string> {
  const env = { RELAY_PASSWORD: postfix.password };
  const done = await at.cli(['apply', '-'], { stdin: text, env });
  expect(done.code, done.stderr).toBe(0);
  return done.stdout;
}

async function canLogIn(to: Installation): Promise<boolean> {
  const wire = await login({ at: to, account }).catch(() => null);
  wire?.close();
  return wire !== null;
}

/** Waits until mail that is submitted there has arrived. */
async function delivers(to: Installation, subject: string, recipient: string): Promise<string> {
  const message = Buffer.from(`Subject: ${subject}\r\n\r\nbody\r\n`);
  expect(await submit({ at: to, account }, { to: [recipient], message })).toContain('queued as');
  const arrived = await waitFor(`"${subject}" at the far end`, () =>
    postfix.delivered().find(one => one.includes(subject)),
  );
  return arrived.toString('utf8');
}

describe.skipIf(skip)('a running server', () => {
  it('has all that was declared within a second', async () => {
    expect(await canLogIn(at)).toBe(false);
    expect(await apply(declaration())).toBe(
      `upstream postfix: added\naccount ${account.name}: added\nrecipient root: added\n3 added.\n`,
    );
    await waitFor('the login', () => canLogIn(at), 1000);
    expect(await delivers(at, 'declared', 'root@localhost')).toMatch(/someone@destination\.test/);
  });

  it('follows a change within a second, and is not disturbed by the same again', async () => {
    expect(await apply(declaration())).toMatch(/^Nothing to change: 3 items/);
    expect(await canLogIn(at)).toBe(true);
    await apply(declaration({ enabled: false }));
    await waitFor('the refusal', async () => !(await canLogIn(at)), 1000);
    await apply(declaration());
    await waitFor('the login', () => canLogIn(at), 1000);
  });

  it('hands everything on to another machine', async () => {
    const file = join(at.folder, 'home.yaml');
    const done = await at.cli(['export', '--with-secrets', '--output', file]);
    expect(done.code, done.stderr).toBe(0);
    expect(await canLogIn(other)).toBe(false);
    const applied = await other.cli(['apply', file]);
    expect(applied.code, applied.stderr).toBe(0);
    await waitFor('the login', () => canLogIn(other), 1000);
    await delivers(other, 'moved', 'someone@destination.test');
  });
});
