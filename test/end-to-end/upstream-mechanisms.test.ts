// Upstreams whose mechanism is not the usual PLAIN, by Postfix with Dovecot's SASL: an implementation that is not ours.
// Each is logged in to, and mail comes through; with a wrong password the mail waits, and nothing secret is logged.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { field } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { type Gate, openGate, submit } from './gate.ts';

const skip = mustSkip('end-to-end upstream mechanisms', suiteNeeds['end-to-end']);
const WRONG = 'Wrong pässword#2';

describe.skipIf(skip).each(['CRAM-MD5', 'SCRAM-SHA-256'])('an upstream that offers only %s', mechanism => {
  let gate: Gate;

  beforeAll(async () => {
    gate = await openGate({ queue: { retry_min: '1s' } }, { mechanisms: [mechanism] });
  });

  afterAll(async () => gate?.close());

  const mail = (subject: string) => Buffer.from(`Subject: ${subject}\r\n\r\nbody\r\n`);
  const setPassword = async (password: string) => {
    const done = await gate.at.cli(['upstream', 'set', 'postfix', '--password-stdin'], {
      stdin: `${password}\n`,
    });
    expect(done.code, done.stderr).toBe(0);
  };
  const test = async () => JSON.parse((await gate.at.cli(['upstream', 'test', 'postfix', '--json'])).stdout);

  it('passes its test, which names the mechanism', async () => {
    const result: unknown = await test();
    expect(result).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([
        { name: 'capabilities', ok: true, text: expect.stringContaining(`AUTH ${mechanism}.`) },
        { name: 'login', ok: true, text: `The login as relay is accepted (${mechanism}).` },
      ]),
    });
  });

  it('takes mail', async () => {
    await submit(gate, { message: mail('by challenge') });
    await gate.arrival('Subject: by challenge\n');
    expect(gate.postfix.log()).toContain(`sasl_method=${mechanism}, sasl_username=relay`);
  });

  it('refuses a wrong password, and the mail waits until it is right', async () => {
    await setPassword(WRONG);
    const result: unknown = await test();
    expect(result).toMatchObject({
      ok: false,
      checks: expect.arrayContaining([
        { name: 'login', ok: false, text: expect.stringMatching(/password.*535 5\.7\.8/s) },
      ]),
    });
    await submit(gate, { from: 'patient@sender.test', message: mail('with patience') });
    await waitFor('the fault', () => gate.server.log().some(line => line.event === 'upstream.fault'));
    const queued = asList(await gate.at.json(['queue', 'list']));
    const waiting = queued.find(item => field(item, 'reverse_path') === 'patient@sender.test');
    expect(field(waiting, 'recipients')).toMatchObject([{ state: 'deferred' }]);
    expect(gate.server.log().find(line => line.event === 'upstream.fault')).toMatchObject({
      kind: 'credentials',
    });

    await setPassword(gate.postfix.password);
    await gate.arrival('Subject: with patience\n');
  });

  it('leaves no password in the log', () => {
    const output = `${gate.server.stdout()}${gate.server.stderr()}`;
    for (const password of [gate.postfix.password, WRONG]) {
      for (const written of [password, JSON.stringify(password), Buffer.from(password).toString('base64')])
        expect(output).not.toContain(written);
    }
  });
});

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
