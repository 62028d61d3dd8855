// What goes out, how often, and what a flood, a restart or a clock that steps makes of it. Over a real database.

import { describe, expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import { readAlerts } from '../../server/notification/alert-statements.ts';
import { createAlerts } from '../../server/notification/alerts.ts';
import type { Notice } from '../../server/notification/notice.ts';
import type { Database } from '../../server/storage/database.ts';
import { DAY, HOUR, MINUTE, makeWorld, NOW, type World } from '../audit/support.ts';
import { afterTest, freshDatabase } from '../storage/fresh-database.ts';

const low: Alert = { kind: 'disk-low', subject: '/data', text: 'The disk is nearly full.' };
const unknown = (address: string): Alert => ({
  kind: 'unknown-accounts',
  subject: address,
  text: `${address} tries names.`,
  address,
});

type Start = Readonly<{ trusted?: () => boolean; summaryAfter?: number }>;

/** One run of the server on that database. */
async function start(world: World, database: Database, { trusted = () => true, summaryAfter }: Start = {}) {
  const sent: Notice[] = [];
  const alerts = await createAlerts({
    ...world,
    database,
    clockTrusted: trusted,
    send: notice => sent.push(notice),
    ...(summaryAfter === undefined ? {} : { summaryAfter }),
  });
  afterTest(alerts.close);
  return { ...alerts, sent };
}

async function setUp(options?: Start) {
  const world = makeWorld();
  const { database } = await freshDatabase();
  return { ...world, world, database, alerts: await start(world, database, options) };
}

describe('an alert', () => {
  it('has no time of sending in the list where no channel was given it', async () => {
    const world = makeWorld();
    const { database } = await freshDatabase();
    const alerts = await createAlerts({ ...world, database, clockTrusted: () => true, send: () => 0 });
    alerts.raise(low);
    await alerts.close();
    expect(await readAlerts(database)).toMatchObject([{ saidAt: NOW, sentAt: null }]);
  });

  it('goes out at once, to the log and to the channels', async () => {
    const { alerts, logged } = await setUp();
    alerts.raise({ ...unknown('192.0.2.7'), account: 'nas' });
    const fields = { kind: 'unknown-accounts', subject: '192.0.2.7', text: '192.0.2.7 tries names.' };
    expect(logged).toEqual([{ event: 'alert', fields: { ...fields, account: 'nas', address: '192.0.2.7' } }]);
    expect(alerts.sent).toEqual([
      { ...fields, account: 'nas', address: '192.0.2.7', at: NOW, count: 1, since: NOW },
    ]);
  });

  it('is said again only after its time, and counted meanwhile', async () => {
    const { alerts, pass } = await setUp();
    for (let hour = 0; hour < 12; hour++) {
      alerts.raise(low);
      pass(HOUR);
    }
    expect(alerts.sent.map(notice => [(notice.at - NOW) / HOUR, notice.count])).toEqual([
      [0, 1],
      [6, 7],
    ]);
  });

  it('is told apart by kind and by subject', async () => {
    const { alerts } = await setUp();
    alerts.raise(low);
    alerts.raise({ ...low, subject: '/other' });
    alerts.raise({ ...low, kind: 'queue-old' });
    expect(alerts.sent).toHaveLength(3);
  });

  it('is listed, the last first', async () => {
    const { alerts, database, pass } = await setUp();
    alerts.raise(low);
    pass(MINUTE);
    alerts.raise(unknown('192.0.2.7'));
    alerts.raise(unknown('192.0.2.7'));
    await alerts.flush();
    expect(await readAlerts(database)).toMatchObject([
      {
        kind: 'unknown-accounts',
        count: 2,
        firstAt: NOW + MINUTE,
        saidAt: NOW + MINUTE,
        sentAt: NOW + MINUTE,
      },
      { kind: 'disk-low', count: 1, firstAt: NOW, saidAt: NOW },
    ]);
  });
});

describe('after a restart', () => {
  it('what was said is not said again, and goes on being counted', async () => {
    const { world, database, alerts, pass } = await setUp();
    alerts.raise(low);
    await alerts.close();
    pass(5 * HOUR);
    const second = await start(world, database);
    second.raise(low);
    expect(second.sent).toEqual([]);
    pass(HOUR);
    second.raise(low);
    expect(second.sent).toMatchObject([{ count: 3, since: NOW }]);
  });

  it('what was said is on disk by itself within seconds', async () => {
    const { database, alerts } = await setUp();
    alerts.raise(low);
    await expect.poll(() => readAlerts(database), { timeout: 8_000 }).toHaveLength(1);
  });

  it('nothing goes out once it is closed', async () => {
    const { alerts } = await setUp();
    await alerts.close();
    alerts.raise(low);
    expect(alerts.sent).toEqual([]);
  });
});

describe('a wall clock that steps', () => {
  it('while running, changes nothing', async () => {
    const { alerts, pass, setClock } = await setUp();
    alerts.raise(low);
    setClock(NOW + 10 * 365 * DAY);
    for (let i = 0; i < 100; i++) alerts.raise(low);
    setClock(0);
    for (let i = 0; i < 100; i++) alerts.raise(low);
    expect(alerts.sent).toHaveLength(1);
    pass(6 * HOUR);
    alerts.raise(low);
    expect(alerts.sent).toHaveLength(2);
  });

  it('and was years ahead when something was said, silences nothing after a restart', async () => {
    const { world, database, alerts, setClock, pass } = await setUp();
    setClock(NOW + 10 * 365 * DAY);
    alerts.raise(low);
    await alerts.close();
    setClock(NOW);
    const second = await start(world, database);
    second.raise(low);
    second.raise(low);
    expect(second.sent).toHaveLength(1);
    await second.close();
    pass(MINUTE);
    const third = await start(world, database);
    third.raise(low);
    expect(third.sent).toHaveLength(0);
  });

  it('and is in 1970 at each boot, neither repeats nor silences', async () => {
    const { world, database, alerts, setClock, pass } = await setUp();
    alerts.raise(low);
    await alerts.close();
    for (let boot = 1; boot <= 3; boot++) {
      setClock(10_000);
      const run = await start(world, database, { trusted: () => world.clock.now() >= NOW });
      run.raise(low);
      expect(run.sent).toEqual([]);
      setClock(NOW + boot * HOUR);
      run.raise(low);
      expect(run.sent).toEqual([]);
      await run.close();
    }
    const last = await start(world, database, { trusted: () => false });
    last.raise(low);
    pass(6 * HOUR);
    last.raise(low);
    expect(last.sent).toHaveLength(1);
  });
});

describe('a flood of different subjects', () => {
  it('lets five of a kind go out in an hour, keeps a bounded number, and hides no other kind', async () => {
    const { alerts, database } = await setUp();
    for (let i = 0; i < 20_000; i++) alerts.raise(unknown(`2001:db8::${i.toString(16)}`));
    alerts.raise(low);
    expect(alerts.sent.map(notice => notice.kind)).toEqual([
      ...Array.from({ length: 5 }, () => 'unknown-accounts'),
      'disk-low',
    ]);
    await alerts.flush();
    const listed = await readAlerts(database);
    expect(listed).toHaveLength(202);
    expect(listed.find(alert => alert.subject === '(others)')).toMatchObject({ count: 19_800, saidAt: null });
  });

  it('of several kinds leaves room for what the server has to say of itself', async () => {
    const { alerts } = await setUp();
    const kinds = ['unknown-accounts', 'banned', 'repeated-failures', 'network-refused'] as const;
    for (const kind of kinds) {
      for (let i = 0; i < 100; i++) alerts.raise({ ...unknown(`10.0.0.${i}`), kind });
    }
    expect(alerts.sent).toHaveLength(14);
    alerts.raise(low);
    alerts.raise({ ...low, kind: 'clock-untrusted' });
    expect(alerts.sent).toHaveLength(16);
  });

  it('is summed up in one more', async () => {
    const { alerts } = await setUp({ summaryAfter: 30 });
    for (let i = 0; i < 12; i++) alerts.raise(unknown(`10.0.0.${i}`));
    for (let i = 0; i < 12; i++) alerts.raise(unknown(`10.0.0.${i}`));
    await expect.poll(() => alerts.sent.length).toBe(6);
    expect(alerts.sent[5]).toMatchObject({
      kind: 'more-alerts',
      text: '7 more alerts were raised than are sent in an hour: "postern alert list" shows them.',
    });
  });

  it('goes out when its hour is over', async () => {
    const { alerts, pass } = await setUp();
    for (let i = 0; i < 6; i++) alerts.raise(unknown(`10.0.0.${i}`));
    pass(HOUR);
    alerts.raise(unknown('10.0.0.5'));
    expect(alerts.sent[5]).toMatchObject({ subject: '10.0.0.5', count: 2 });
  });

  it('that lasts for days keeps the table small', async () => {
    const { alerts, database, pass } = await setUp();
    for (let hour = 0; hour < 100; hour++) {
      for (let i = 0; i < 300; i++) alerts.raise({ ...unknown(`10.${hour}.0.${i}`), kind: 'banned' });
      await alerts.flush();
      pass(HOUR);
    }
    expect((await readAlerts(database)).length).toBeLessThanOrEqual(201);
  });
});

describe('housekeeping', () => {
  it('forgets what was not raised for two months', async () => {
    const { alerts, database, pass } = await setUp();
    alerts.raise(low);
    pass(50 * DAY);
    alerts.raise(unknown('192.0.2.7'));
    await alerts.flush();
    pass(11 * DAY);
    await alerts.sweep();
    expect(await readAlerts(database)).toMatchObject([{ kind: 'unknown-accounts' }]);
  });
});
