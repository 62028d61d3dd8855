// The operator's hand in the queue of a running server: what is held stays, what is released, retried or sent again arrives, and
// what is done to a message while it is being sent neither loses nor doubles it.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type PatientUpstream, startPatientUpstream } from '../support/patient-upstream.ts';
import {
  addAccount,
  addUpstream,
  field,
  type Installation,
  install,
  queueStats,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import { type Access, type Gate, openGate, submit as submitTo } from './gate.ts';

const skip = mustSkip('end-to-end operator-queue', suiteNeeds['end-to-end']);

const mail = (subject: string) => Buffer.from(`Subject: ${subject}\r\n\r\nbody of ${subject}\r\n`);

/** Submits a message and returns its id. */
async function submit(gate: Access, subject: string, to = `someone@${DESTINATION}`): Promise<string> {
  const reply = await submitTo(gate, { message: mail(subject), to: [to] });
  const id = /queued as (\w+)/.exec(reply)?.[1];
  if (id === undefined) throw new Error(reply);
  return id;
}

async function done(at: Installation, ...args: readonly string[]): Promise<string> {
  const result = await at.cli(['queue', ...args]);
  expect(result.code, result.stderr).toBe(0);
  return result.stdout;
}

async function firstRecipient(at: Installation, id: string): Promise<unknown> {
  const recipients = field(await at.json(['queue', 'show', id]), 'recipients');
  return Array.isArray(recipients) ? recipients[0] : undefined;
}

async function state(at: Installation, id: string, wanted: string): Promise<void> {
  await waitFor(`${id} to be ${wanted}`, async () => field(await firstRecipient(at, id), 'state') === wanted);
}

describe.skipIf(skip)('with a real upstream', () => {
  let gate: Gate;
  beforeAll(async () => {
    gate = await openGate({ queue: { retry_min: '1s', keep_content: true } });
  });
  afterAll(async () => gate?.close());

  /** A running server follows a command within a second. */
  const pause = async (verb: 'pause' | 'resume') => {
    await gate.at.cli(['upstream', verb, 'postfix']);
    await sleep(1000);
  };
  const arrived = (subject: string) =>
    gate.postfix.delivered().filter(one => one.includes(`Subject: ${subject}\n`));

  it('held mail stays, and goes once it is released', async () => {
    await pause('pause');
    const held = await submit(gate, 'held');
    expect(await done(gate.at, 'hold', held)).toContain('Held: 1 recipient of 1 message.');
    await pause('resume');
    await submit(gate, 'after the held one');
    await gate.arrival('Subject: after the held one\n');
    expect(await queueStats(gate.at)).toMatchObject({ held: 1 });
    expect(arrived('held')).toHaveLength(0);
    await done(gate.at, 'release', held);
    await gate.arrival('Subject: held\n');
    await state(gate.at, held, 'relayed');
  });

  it('what waits is given up by bounce, and tried again by retry', async () => {
    const id = await submit(gate, 'later', `later@${DESTINATION}`);
    await state(gate.at, id, 'deferred');
    expect(await done(gate.at, 'hold', id)).toContain('1 message');
    expect(await done(gate.at, 'bounce', id, '--silent')).toContain('Given up: 1 recipient of 1 message');
    expect(await firstRecipient(gate.at, id)).toMatchObject({
      state: 'failed',
      last_reply: 'Given up by the operator.',
      report_due: null,
    });
    await done(gate.at, 'retry', id);
    await waitFor('a further attempt', async () => {
      const attempts = field(await gate.at.json(['queue', 'show', id]), 'attempts');
      return Array.isArray(attempts) && field(attempts.at(-1), 'outcome') === 'deferred';
    });
    await done(gate.at, 'delete', id);
  });

  it('what was refused goes by the route that was corrected', async () => {
    const other = await startPatientUpstream();
    try {
      other.answer('250 ok');
      const to = `refused@${DESTINATION}`;
      const id = await submit(gate, 'refused at first', to);
      await state(gate.at, id, 'failed');
      await addUpstream(gate.at, 'other', { url: other.url });
      const made = await gate.at.cli(['route', 'add', 'odd', '--recipient', to, '--upstream', 'other']);
      expect(made.code, made.stderr).toBe(0);
      await done(gate.at, 'retry', '--state', 'failed');
      await state(gate.at, id, 'relayed');
      expect(await firstRecipient(gate.at, id)).toMatchObject({ upstream: 'other', attempts: 2 });
      expect(other.bodies()[0]).toContain('Subject: refused at first\r\n');
    } finally {
      await gate.at.cli(['route', 'remove', 'odd']);
      await gate.at.cli(['upstream', 'remove', 'other']);
      await other.close();
    }
  });

  it('what is exported is what was relayed, and what is sent again arrives twice', async () => {
    const id = await submit(gate, 'kept');
    const [once] = [await gate.arrival('Subject: kept\n')];
    await state(gate.at, id, 'relayed');
    const exported = await gate.at.cli(['queue', 'export', id]);
    expect(exported.code, exported.stderr).toBe(0);
    expect(exported.stdout).toContain('Subject: kept\r\n');
    expect(once?.toString('latin1').endsWith(exported.stdout.replaceAll('\r\n', '\n'))).toBe(true);
    const resent = field(await gate.at.json(['queue', 'resend', id]), 'id');
    await state(gate.at, String(resent), 'relayed');
    await waitFor('the second one', () => arrived('kept').length === 2);
    expect(await done(gate.at, 'list', '--finished')).toContain(id);
  });
});

describe.skipIf(skip)('while it is being sent', () => {
  let at: Installation;
  let access: Access;
  let upstream: PatientUpstream;
  let server: Server;

  beforeEach(async () => {
    upstream = await startPatientUpstream();
    at = await install({ queue: { retry_min: '1s', ambiguous_wait: '1s' } });
    const account = await addAccount(at, 'scanner');
    await addUpstream(at, 'patient', { url: upstream.url });
    server = await at.serve();
    access = { at, account };
  });
  afterEach(async () => {
    await at.remove();
    await upstream.close();
  });

  it('a message that is held is relayed if the upstream takes it', async () => {
    const id = await submit(access, 'held and taken');
    await upstream.inFlight();
    await done(at, 'hold', id);
    upstream.answer('250 ok');
    await state(at, id, 'relayed');
  });

  it('a message that is held stays held if the upstream defers it, until it is released', async () => {
    const id = await submit(access, 'held and deferred');
    await upstream.inFlight();
    await done(at, 'hold', id);
    upstream.answer('451 4.3.0 later');
    await state(at, id, 'deferred');
    const next = await submit(access, 'another');
    await state(at, next, 'deferred');
    await waitFor('further attempts of the other one', () => upstream.bodies().length >= 4);
    expect(upstream.bodies().filter(body => body.includes('held and deferred'))).toHaveLength(1);
    expect(await firstRecipient(at, id)).toMatchObject({ state: 'deferred', next_attempt_at: null });
    upstream.answer('250 ok');
    await done(at, 'release', id);
    await state(at, id, 'relayed');
  });

  it('a message that is held does not go when Postern dies and starts again', async () => {
    const id = await submit(access, 'held in a crash');
    await upstream.inFlight();
    await done(at, 'hold', id);
    await server.kill9();
    upstream.answer('250 ok');
    await at.serve();
    await state(at, await submit(access, 'another'), 'relayed');
    expect(await firstRecipient(at, id)).toMatchObject({
      state: 'deferred',
      next_attempt_at: null,
      may_have_it: true,
    });
    await done(at, 'release', id);
    await state(at, id, 'relayed');
    expect(upstream.bodies().filter(body => body.includes('Subject: held in a crash'))).toHaveLength(2);
  });

  it('a message that is deleted is gone, whatever the upstream says then', async () => {
    const id = await submit(access, 'deleted');
    await upstream.inFlight();
    const result = await at.cli(['queue', 'delete', id]);
    expect(result.stderr).toContain('1 recipient is just being sent, and may still arrive.');
    upstream.answer('451 4.3.0 later');
    const next = await submit(access, 'another');
    await state(at, next, 'deferred');
    upstream.answer('250 ok');
    await state(at, next, 'relayed');
    expect((await at.cli(['queue', 'show', id])).code).toBe(1);
    expect(server.log().filter(({ event }) => event === 'queue.content_damaged')).toEqual([]);
    expect(upstream.bodies().filter(body => body.includes('Subject: deleted'))).toHaveLength(1);
  });

  it('a message that is retried or bounced is left to its attempt, and sent once', async () => {
    const id = await submit(access, 'retried');
    await upstream.inFlight();
    for (const command of ['retry', 'bounce']) {
      const result = await at.cli(['queue', command, id]);
      expect(result).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('1 recipient is just being sent'),
      });
    }
    upstream.answer('250 ok');
    await state(at, id, 'relayed');
    expect(upstream.bodies()).toHaveLength(1);
  });
});
