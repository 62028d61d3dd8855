// A clock that is wrong from the start, or stepped by months and decades while the server runs, loses nothing, expires and
// bounces nothing, stops nothing, and revives nobody; and what a wrong clock has scheduled goes once the clock is right.

import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { login } from '../end-to-end/gate.ts';
import { makeIdentity } from '../relay/identity.ts';
import type { RemoteOptions } from '../relay/remote.ts';
import { mustSkip } from '../support/needs.ts';
import { type ConfigSections, field, queueStats, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { alerts, answerTo, drained, openScene, type Scene } from './scene.ts';
import { type WrongClock, wrongClock } from './wrong-clock.ts';

const skip = mustSkip('wrong clock', ['cc', 'c-headers']);
const YEAR = new Date().getFullYear();
const IN_MONTHS = `${YEAR + 1}-07-01T00:00:00Z`;
const IN_2099 = '2099-01-01T00:00:00Z';
const IN_1970 = '1970-01-01T00:05:00Z';
/** More than the reports that one person may get within an hour. */
const REFUSED = Array.from({ length: 12 }, (_, i) => `refused-${i}`);

type Timed = Scene & Readonly<{ clock: WrongClock; serve: () => Promise<Server> }>;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function timed(sections: ConfigSections, options: RemoteOptions = {}): Promise<Timed> {
  const scene = await openScene(sections, options);
  cleanups.push(scene.close);
  const clock = await wrongClock(scene.at.folder);
  return { ...scene, clock, serve: () => scene.at.serve({ env: clock.env }) };
}

/** Reports about mail come from nobody. */
const reports = ({ remote }: Scene) => remote.commands.filter(line => line.startsWith('MAIL FROM:<>')).length;

describe.skipIf(skip)('a clock that steps while mail waits', () => {
  it('expires, bounces, holds and loses nothing, and stops no other mail', async () => {
    let isRefusing = true;
    const refusing = answerTo(/refused/, 'RCPT', () => (isRefusing ? '450 4.2.1 mailbox busy' : undefined));
    const dropping = answerTo(/doubtful/, 'BODY', () => (isRefusing ? 'DROP' : undefined));
    // Nothing of what is refused would be tried again within this test if the times in its rows were believed.
    const scene = await timed(
      { queue: { retry_min: '1h', retry_max: '2h', ambiguous_wait: '1h', delay_after: '1h' } },
      { script: step => refusing(step) ?? dropping(step) },
    );
    const { at, account, clock, serve } = scene;
    const owned = await at.cli(['account', 'set', account.name, '--owner', 'owner@sender.test']);
    expect(owned.code, owned.stderr).toBe(0);
    let server = await serve();
    const all = [...REFUSED, 'doubtful'];
    for (const name of all) expect(await scene.send(name)).toMatch(/^250 /);
    const waitTried = () =>
      waitFor('the first attempts', async () => {
        const { deferred, in_flight, queued } = await queueStats(at);
        return deferred === all.length && in_flight === 0 && queued === 0;
      });
    await waitTried();

    // While it runs, and for one that starts at that time.
    for (const [name, date, how] of [
      ['months-stepped', IN_MONTHS, 'stepped'],
      ['months-booted', IN_MONTHS, 'booted'],
      ['2099-stepped', IN_2099, 'stepped'],
      ['1970-stepped', IN_1970, 'stepped'],
      ['1970-booted', IN_1970, 'booted'],
    ] as const) {
      clock.set(date);
      if (how === 'booted') {
        expect(await server.stop(), name).toEqual({ code: 0, signal: null });
        server = await serve();
      }
      expect(await scene.send(name)).toMatch(/^250 /);
      await scene.arrived([name]);
      expect(await queueStats(at), name).toMatchObject({ failed: 0, expired: 0, held: 0 });
    }
    // By the clock of the first step the mail was months late: that is no reason to tell its owner twelve times over.
    const told = reports(scene);
    expect(told).toBeLessThanOrEqual(10);

    clock.set(null);
    isRefusing = false;
    // Of itself a server looks every half minute; whenever mail comes it does so at once.
    await scene.send('next');
    await scene.arrived(all);
    const stats = await drained(at);
    expect(stats).toMatchObject({ failed: 0, expired: 0, held: 0 });
    for (const name of REFUSED) expect(scene.copies(name), name).toBe(1);
    expect(reports(scene)).toBe(told);
    expect(server.log().filter(line => line.event === 'clock.untrusted').length).toBeGreaterThan(0);
    const raised = await waitFor('the alert', async () => {
      const texts = (await alerts(at)).join('\n');
      return texts.includes('clock-untrusted: ') && texts;
    });
    expect(raised).toMatch(/clock-untrusted: The clock of this machine shows (1970|2099)/);
    expect(raised).not.toContain('mail-held');
  }, 120_000);
});

describe.skipIf(skip)('a machine that boots in the wrong year', () => {
  it('in 1970, for the first time ever: takes mail, relays it undated, makes certificates and backups', async () => {
    const scene = await timed({});
    scene.clock.set(IN_1970);
    const server = await scene.serve();
    // The client's clock is right: the certificate must be valid by it.
    expect(await scene.send('first')).toMatch(/^250 /);
    await scene.arrived(['first']);
    const [body = Buffer.alloc(0)] = scene.remote.bodies;
    expect(body.toString('latin1')).not.toMatch(/^Date:/m);
    expect(server.log().some(line => line.event === 'clock.untrusted')).toBe(true);

    const file = `${scene.at.folder}/backup`;
    const made = await scene.at.cli(['backup', file], { env: scene.clock.env });
    expect(made.code, made.stderr).toBe(0);
    scene.clock.set(null);
    expect(await scene.send('second')).toMatch(/^250 /);
    await scene.arrived(['second']);
    expect(scene.remote.bodies.at(-1)?.toString('latin1')).toContain(`\r\nDate: `);
  });

  it('revives no account that has ended, and ends none that has not', async () => {
    const scene = await timed({});
    const { at, clock, account } = scene;
    const logsIn = () =>
      login(scene).then(
        wire => {
          wire.close();
          return true;
        },
        (error: Error) => (/535/.test(error.message) ? false : Promise.reject(error)),
      );
    const expires = async (when: string) => {
      const set = await at.cli(['account', 'set', account.name, '--expires', when]);
      expect(set.code, set.stderr).toBe(0);
    };
    // A heartbeat of the right time.
    expect(await (await scene.serve()).stop()).toMatchObject({ code: 0 });
    for (const date of [IN_1970, IN_2099]) {
      await expires(`${YEAR + 3}-01-01`);
      clock.set(date);
      const server = await scene.serve();
      expect(await logsIn(), date).toBe(true);
      await expires('2026-11-20');
      await waitFor(`the account to have ended in ${date}`, async () => !(await logsIn()));
      await server.stop();
    }
  });

  it('in 1970: an upstream with a certificate is found wrong in words, and has its mail once the clock is right', async () => {
    const identity = await makeIdentity();
    const scene = await timed({}, { identity, tls: 'starttls' });
    const { at, clock, remote } = scene;
    writeFileSync(`${at.folder}/upstream.crt`, identity.authority);
    const url = `smtp+starttls://relay@localhost:${remote.port}`;
    const set = await at.cli(
      ['upstream', 'set', 'provider', '--url', url, '--password-stdin', '--ca', `${at.folder}/upstream.crt`],
      { stdin: 'secret\n' },
    );
    expect(set.code, set.stderr).toBe(0);
    clock.set(IN_1970);
    const server = await scene.serve();
    await scene.send('patient');
    const fault = await waitFor('the fault', () =>
      server.log().find(line => line.event === 'upstream.fault'),
    );
    expect(fault['text']).toMatch(/not valid yet: this machine's clock is probably behind/);
    expect(await queueStats(at)).toMatchObject({ deferred: 1, failed: 0, expired: 0 });
    clock.set(null);
    const tested = await at.json(['upstream', 'test', 'provider']);
    expect(field(tested, 'ok')).toBe(true);
    await scene.arrived(['patient']);
  });
});
