// The reporter over a real database: mail that is late, and more reports than a person gets in an hour.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOriginalReader } from '../../server/notification/original-reader.ts';
import { withoutOctets } from '../../server/notification/original-text.ts';
import { dropDelayReports } from '../../server/queue/statements.ts';
import { HOUR, MINUTE } from '../audit/support.ts';
import { claimAt, deferredUntil, FAILED as REFUSED_FOR_GOOD, settled } from '../queue/support.ts';
import { original, readParts, readStatus, SCAN } from './report-samples.ts';
import { MAIN, openReporterBench, type ReporterBench } from './reporter-bench.ts';

let bench: ReporterBench;

beforeEach(async () => {
  bench = await openReporterBench();
});

afterEach(async () => {
  await bench.reporter.stop();
  await bench.close();
});

const flags = () => bench.rows(`SELECT message_id, ordinal, report FROM recipient WHERE report IS NOT NULL`);

describe('mail that is late', () => {
  const late = async () => (await bench.reports()).filter(({ kind }) => kind === 'delay');
  const lookAfter = async (time: number) => {
    bench.world.pass(time);
    await bench.reporter.look();
  };

  beforeEach(async () => {
    await bench.send('M1');
    await bench.end('M1', { state: 'deferred', report: null, outcome: 'deferred', reply: '451 4.2.1 Busy' });
  });

  it('is reported after the time that is set, once', async () => {
    await lookAfter(4 * HOUR - 1);
    expect(await late()).toEqual([]);
    await lookAfter(10 * MINUTE);
    await lookAfter(10 * HOUR);
    expect(await late()).toMatchObject([{ to: 'scanner@example.org', about: 'M1' }]);
    const [, status] = readParts((await late())[0]?.text ?? '');
    expect(Object.fromEntries(readStatus(status ?? '')[1] ?? [])).toMatchObject({
      Action: 'delayed',
      Status: '4.2.1',
      'Will-Retry-Until': 'Tue, 24 Nov 2026 13:09:59 +0000',
    });
  });

  it('is no longer reported once its fate is known and nobody has the report yet', async () => {
    await lookAfter(5 * HOUR);
    expect(await late()).toHaveLength(1);
    await bench.end('M1', { state: 'relayed', report: null });
    await bench.database.commit([dropDelayReports('M1')]);
    expect(await late()).toEqual([]);
  });

  it.each([
    ['held by the operator', `UPDATE message SET held_at = 1`],
    ['without a time of its own, because it is held', 'UPDATE recipient SET next_attempt_at = NULL'],
    ['not to be reported', `UPDATE recipient SET notify = 'never'`],
    ['to be reported only when it failed', `UPDATE recipient SET notify = 'success,failure'`],
    ['an alert', `UPDATE message SET kind = 'alert'`],
  ])('is not reported: %s', async (_, change) => {
    await bench.sql(change);
    await lookAfter(5 * HOUR);
    expect(await late()).toEqual([]);
    expect(await flags()).toEqual([]);
  });

  it('is reported where the client named delays', async () => {
    await bench.sql(`UPDATE recipient SET notify = 'failure,delay'`);
    await lookAfter(5 * HOUR);
    expect(await late()).toHaveLength(1);
  });

  it.each([
    ['paused', true],
    ['at fault', false],
  ])('is not reported while its upstream is %s, nor before it has had time to leave', async (_, paused) => {
    bench.setUpstream({ ...MAIN, open: false, paused });
    await lookAfter(5 * HOUR);
    expect(await flags()).toEqual([]);
    bench.setUpstream(MAIN);
    await lookAfter(5 * MINUTE);
    await lookAfter(HOUR - 1);
    expect(await flags()).toEqual([]);
    expect(await late()).toEqual([]);
    await lookAfter(5 * MINUTE);
    expect(await late()).toHaveLength(1);
  });

  it('keeps its mark while its own upstream cannot take it', async () => {
    await lookAfter(HOUR);
    await bench.sql(`UPDATE recipient SET report = 'delay', way = '=OTHER'`);
    await lookAfter(5 * HOUR);
    expect(await late()).toEqual([]);
    expect(await flags()).toHaveLength(1);
    bench.setUpstreams([MAIN, { ...MAIN, upstreamId: 'OTHER' }]);
    await bench.reporter.look();
    expect(await late()).toEqual([]);
    await lookAfter(HOUR);
    expect(await late()).toHaveLength(1);
  });

  it('is given time to leave after a restart', async () => {
    bench.world.pass(5 * HOUR);
    const after = await bench.restart();
    await after.look();
    expect(await late()).toEqual([]);
    bench.world.pass(HOUR);
    await after.look();
    expect(await late()).toHaveLength(1);
  });

  it('is marked no longer once it is settled', async () => {
    await bench.sql(`UPDATE recipient SET report = 'delay', state = 'queued'`);
    const [claim] = await claimAt(bench.queue, bench.world.clock.now());
    if (claim === undefined) throw new Error('nothing was claimed');
    await bench.queue.settle(claim, settled(claim, deferredUntil(0)), bench.world.clock.now());
    expect(await flags()).toHaveLength(1);
    const [again] = await claimAt(bench.queue, bench.world.clock.now());
    if (again === undefined) throw new Error('nothing was claimed again');
    await bench.queue.settle(again, settled(again, REFUSED_FOR_GOOD), bench.world.clock.now());
    expect(await flags()).toEqual([]);
  });

  it('is not reported by a clock that is wrong', async () => {
    bench.setClockTrusted(false);
    await lookAfter(5 * HOUR);
    expect(await late()).toEqual([]);
  });

  it('is not reported where that is switched off', async () => {
    const off = await bench.restart({ delayAfter: 0 });
    bench.world.pass(1_000 * HOUR);
    await off.look();
    expect(await late()).toEqual([]);
  });

  it('that settled before it was said is not said', async () => {
    await bench.sql(`UPDATE recipient SET state = 'relayed', report = 'delay'`);
    await bench.reporter.look();
    expect(await late()).toEqual([]);
    expect(await flags()).toEqual([]);
  });
});

describe('mail that was tried for too long', () => {
  it.each([
    'main refused this recipient for now.',
    'main refused this recipient for now; it will be tried again.',
  ])('is not said to be tried again: %s', async text => {
    await bench.send('M1');
    await bench.end('M1', { state: 'expired', outcome: 'expired', reply: '451 4.2.1 Busy', text });
    await bench.reporter.look();
    const [words = ''] = readParts((await bench.reports())[0]?.text ?? '');
    expect(words.replaceAll(/\s+/g, ' ')).toContain(
      'The last time: The provider (main) refused this recipient for now. What to do',
    );
  });
});

describe('more than a person gets in an hour', () => {
  const fail = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      await bench.send(`M${i}`);
      await bench.end(`M${i}`, {});
      await bench.reporter.look();
    }
  };

  it('comes as a digest when the hour is over, each message once', async () => {
    await fail(10, 60);
    expect(await bench.reports()).toHaveLength(10);
    expect(await flags()).toHaveLength(40);
    bench.world.pass(HOUR);
    await bench.reporter.look();
    const reports = await bench.reports();
    expect(reports).toHaveLength(11);
    expect(reports[10]).toMatchObject({ to: 'scanner@example.org', about: null, kind: null });
    expect(reports[10]?.text).toContain('Subject: 40 messages not delivered\r\n');
    for (let i = 10; i < 60; i++) {
      const naming = reports.filter(({ text }) => new RegExp(`Not delivered: M${i}\\b`).test(text));
      expect(naming).toHaveLength(1);
    }
    expect(await flags()).toEqual([]);
  });

  it('is counted across a restart, and for each person', async () => {
    await fail(0, 10);
    const after = await bench.restart();
    await bench.send('X1');
    await bench.end('X1', {});
    await bench.send('X2', { reversePath: 'other@example.org' });
    await bench.end('X2', {});
    await after.look();
    expect((await bench.reports()).slice(10)).toMatchObject([{ to: 'other@example.org', about: 'X2' }]);
    expect(await flags()).toMatchObject([{ message_id: 'X1' }]);
  });

  it('is put together without the messages themselves', async () => {
    await bench.sql(`UPDATE account SET owner = 'owner@example.com'`);
    for (let i = 10; i < 22; i++) {
      await bench.send(`M${i}`);
      await bench.end(`M${i}`, {});
    }
    await bench.sql(`UPDATE message SET returns = 'full'`);
    const whole: boolean[] = [];
    const readOriginal = createOriginalReader({ body: bench.queue.body, open: bench.spool.open });
    const reporter = await bench.restart({
      readOriginal: source => {
        whole.push(source.returnsAll);
        return readOriginal(source);
      },
    });
    await reporter.look();
    expect((await bench.reports()).map(({ text }) => /Not delivered: M21\b/.test(text))).toEqual([true]);
    expect(whole).toEqual(Array.from({ length: 12 }, () => false));
    const { subject, date, ...octets } = withoutOctets(original(SCAN, true));
    expect([subject, date]).toEqual(['Scan of the contract', 'Fri, 20 Nov 2026 08:59:59 +0100']);
    expect(octets).toEqual({ messageId: null, header: new Uint8Array(), whole: null });
  });

  it('hides nobody else behind it', async () => {
    await bench.sql(`UPDATE account SET owner = 'owner@example.com'`);
    for (let i = 0; i < 30; i++) {
      await bench.send(`A${i}`);
      await bench.end(`A${i}`, { report: null });
    }
    await bench.sql(`UPDATE recipient SET report = 'failure'`);
    await bench.send('Z', { accountId: null });
    await bench.end('Z', {});
    await bench.reporter.look();
    expect((await bench.reports()).map(({ to, about }) => [to, about])).toEqual(
      expect.arrayContaining([
        ['owner@example.com', null],
        ['scanner@example.org', 'Z'],
      ]),
    );
  });

  it('leaves what is late alone while nothing can leave', async () => {
    bench.setUpstream({ ...MAIN, open: false });
    for (let i = 10; i < 30; i++) await bench.send(`M${i}`);
    bench.world.pass(5 * HOUR);
    await bench.reporter.look();
    expect(await bench.reports()).toEqual([]);
    bench.setUpstream(MAIN);
    await bench.reporter.look();
    expect(await bench.reports()).toEqual([]);
    bench.world.pass(HOUR);
    await bench.reporter.look();
    expect((await bench.reports())[0]?.text).toContain('Subject: 20 messages late\r\n');
  });
});
