// Bans on a real database: kept over a restart, never longer than made for, lifted by an operator and by a new password.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBanOperator } from '../../server/accounts/ban-operator.ts';
import { type Bans, type BanTarget, createBans } from '../../server/accounts/bans.ts';
import { nameTag } from '../../server/accounts/name-tag.ts';
import type { Clock } from '../../server/clock.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { waitFor } from '../support/process.ts';
import { type Bench, openBench, type Place } from './support.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let bench: Bench;
let logged: string[];
beforeEach(async () => {
  bench = await openBench();
  logged = [];
});
afterEach(() => bench.close());

function open(options: Readonly<{ place?: Place; clock?: Clock; most?: number; last?: boolean }> = {}) {
  const { database, accounts } = options.place ?? bench;
  const clock = options.clock ?? bench.clock;
  return createBans({
    database,
    clock,
    newId: () => makeId(clock.now(), systemRandom),
    log: (event, fields) => logged.push([event, fields?.address, fields?.account].filter(Boolean).join(' ')),
    accountOf: accounts.byId,
    nameTagsLast: () => options.last ?? true,
    ...(options.most === undefined ? {} : { most: options.most }),
  });
}

/** A clock of a machine that was started anew, with its wall clock moved. */
function restarted(wall: number): Clock {
  const now = bench.clock.now() + wall;
  return { now: () => now, monotonic: () => 5 };
}

const whole = (address: string): BanTarget => ({ address, nameTag: '', account: null });
const pair = (address: string, name: string): BanTarget => ({
  address,
  nameTag: nameTag(bench.lastingKey, name),
  account: bench.accounts.lookup(name)?.account ?? null,
});
const ban = (bans: Bans, target: BanTarget, length = 5 * MINUTE) => bans.make(target, 20, () => length);

describe('a ban', () => {
  it('holds for its time, for its target alone', async () => {
    const bans = await open();
    ban(bans, pair('192.0.2.1', 'printer'));
    expect(bans.left(pair('192.0.2.1', 'printer'))).toBe(5 * MINUTE);
    expect(bans.left(pair('192.0.2.1', 'camera'))).toBeNull();
    expect(bans.left(pair('192.0.2.2', 'printer'))).toBeNull();
    expect(bans.left(whole('192.0.2.1'))).toBeNull();
    bench.clock.move(5 * MINUTE - 1);
    expect(bans.left(pair('192.0.2.1', 'printer'))).toBe(1);
    bench.clock.move(1);
    expect(bans.left(pair('192.0.2.1', 'printer'))).toBeNull();
    expect(logged).toEqual(['auth.banned 192.0.2.1']);
  });

  it('is the longer the more came before, until a day after the last one', async () => {
    const bans = await open();
    const levels: number[] = [];
    const again = () => levels.push(bans.make(whole('192.0.2.1'), 50, () => MINUTE).level);
    again();
    bench.clock.move(2 * MINUTE);
    again();
    bench.clock.move(DAY);
    again();
    bench.clock.move(DAY + MINUTE);
    again();
    expect(levels).toEqual([0, 1, 2, 0]);
  });

  it('survives a restart, with its level', async () => {
    const first = await open();
    ban(first, pair('192.0.2.1', 'printer'));
    ban(first, whole('2001:db8::/64'), DAY);
    await first.close();
    bench.clock.move(MINUTE);
    const second = await open({ place: await bench.elsewhere() });
    expect(second.left(pair('192.0.2.1', 'printer'))).toBe(4 * MINUTE);
    expect(second.left(whole('2001:db8::/64'))).toBe(DAY - MINUTE);
    expect(second.make(whole('2001:db8::/64'), 50, () => 1).level).toBe(1);
  });

  it.each([
    ['in 1970', -56 * 365 * DAY, 5 * MINUTE],
    ['an hour too early', -60 * MINUTE, 5 * MINUTE],
    ['a minute on', MINUTE, 4 * MINUTE],
    ['in ten years', 10 * 365 * DAY, null],
  ])('is never longer than it was made for, with the clock %s', async (_, wall, left) => {
    const first = await open();
    ban(first, whole('192.0.2.1'));
    await first.close();
    const second = await open({ place: await bench.elsewhere(), clock: restarted(wall) });
    expect(second.left(whole('192.0.2.1'))).toBe(left);
  });

  it('takes no memory once it is forgotten, while the database cannot be written', async () => {
    const groups: number[] = [];
    let full = true;
    const database: Place['database'] = {
      ...bench.database,
      commit: group => {
        groups.push(group.length);
        return full ? Promise.resolve({ kind: 'full', text: '' }) : bench.database.commit(group);
      },
    };
    const bans = await open({ place: { ...bench, database }, most: 3 });
    for (let n = 0; n < 1_000; n++) ban(bans, whole(`192.0.2.${n}`));
    await bans.flush();
    expect(Math.max(...groups)).toBeLessThan(10);
    full = false;
    await bans.flush();
    expect(await bench.database.read('SELECT * FROM ban')).toHaveLength(3);
  });

  it('leaves no row where it was forgotten while it was being written', async () => {
    const bans = await open({ most: 1 });
    ban(bans, whole('192.0.2.1'));
    const writing = bans.flush();
    await Promise.resolve();
    ban(bans, whole('192.0.2.2'));
    await writing;
    await bans.flush();
    expect(await bench.database.read('SELECT address FROM ban')).toEqual([{ address: '192.0.2.2' }]);
  });

  it('is not written while the name tags are passing ones', async () => {
    const bans = await open({ last: false });
    ban(bans, pair('192.0.2.1', 'printer'));
    ban(bans, whole('192.0.2.2'));
    await bans.flush();
    expect(bans.left(pair('192.0.2.1', 'printer'))).not.toBeNull();
    expect((await bench.database.read('SELECT address FROM ban')).map(row => row['address'])).toEqual([
      '192.0.2.2',
    ]);
  });

  it('takes only so many rows and so much memory in a flood', async () => {
    const bans = await open({ most: 10 });
    for (let network = 0; network < 300; network++) {
      ban(bans, whole(`2001:db8:0:${network.toString(16)}::/64`));
      if (network % 50 === 0) await bans.flush();
    }
    await bans.flush();
    expect(await bench.database.read('SELECT count(*) AS rows FROM ban')).toEqual([{ rows: 10 }]);
    expect(bans.left(whole('2001:db8:0:12b::/64'))).toBe(5 * MINUTE);
    expect(bans.left(whole('2001:db8:0:0::/64'))).toBeNull();
  });

  it('is forgotten, row and all, a day after its end', async () => {
    const bans = await open();
    ban(bans, whole('192.0.2.1'));
    await bans.flush();
    bench.clock.move(DAY + 5 * MINUTE);
    ban(bans, whole('192.0.2.2'));
    await bans.flush();
    expect(await bench.database.read('SELECT address FROM ban')).toEqual([{ address: '192.0.2.2' }]);
  });
});

describe('a ban is lifted', () => {
  const operator = (place: Place) =>
    createBanOperator({
      database: place.database,
      clock: bench.clock,
      newId: () => makeId(bench.clock.now(), systemRandom),
      audit: fact => ({
        sql: `INSERT INTO audit (id, happened_at, actor, action, object, detail, count, last_at) VALUES (?, 0, 'operator:eva', ?, ?, ?, 1, 0)`,
        params: [makeId(bench.clock.now(), systemRandom), fact.action, fact.object, fact.detail ?? null],
      }),
      accountOf: place.accounts.byId,
      keyOf: address => address.text,
      isNeverBanned: address => address.text === '192.0.2.9',
    });

  it('by an operator in another process, and made by one', async () => {
    await bench.accounts.add({ name: 'Printer' });
    const bans = await open();
    const liftedBans: string[] = [];
    bans.onLifted(({ address }) => liftedBans.push(address));
    ban(bans, pair('192.0.2.1', 'printer'));
    ban(bans, whole('192.0.2.2'));
    await bans.flush();

    const elsewhere = operator(await bench.elsewhere());
    const listed = await elsewhere.list({ address: '192.0.2.1' });
    expect(listed).toMatchObject([{ account: 'Printer', isWholeAddress: false, failures: 20 }]);
    expect(await elsewhere.lift(listed)).toBeNull();
    await waitFor('the ban to be lifted', () => bans.left(pair('192.0.2.1', 'printer')) === null);
    expect(bans.left(whole('192.0.2.2'))).not.toBeNull();
    expect(liftedBans).toEqual(['192.0.2.1']);
    expect(logged).toContain('auth.ban_lifted 192.0.2.1 Printer');

    const address = parseClientAddress('198.51.100.7');
    if (address === null) throw new Error('no address');
    expect(await elsewhere.add(address, 60 * MINUTE)).toMatchObject({ kind: 'banned' });
    await waitFor('the ban to be made', () => bans.left(whole('198.51.100.7')) === 60 * MINUTE);
    const audit = await bench.database.read(
      "SELECT action, object, detail FROM audit WHERE actor LIKE 'operator:%'",
    );
    expect(audit).toEqual([
      { action: 'ban.lifted', object: '192.0.2.1', detail: 'Printer' },
      { action: 'ban.made', object: '198.51.100.7', detail: 'the whole address, for 60 minutes' },
    ]);
  });

  it('never for who is never banned', async () => {
    const one = operator(bench);
    for (const text of ['127.0.0.1', '::1', '192.0.2.9']) {
      const address = parseClientAddress(text);
      if (address === null) throw new Error('no address');
      expect(await one.add(address, MINUTE)).toBeNull();
    }
  });

  it('by a new password, at once', async () => {
    await bench.accounts.add({ name: 'Printer' });
    const bans = await open();
    ban(bans, pair('192.0.2.1', 'printer'));
    await bans.flush();
    await bench.accounts.setPassword('printer', null);
    expect(bans.left(pair('192.0.2.1', 'printer'))).toBeNull();
    expect(await bench.database.read('SELECT * FROM ban')).toEqual([]);
  });

  it('by a new password that another process sets, and says so', async () => {
    await bench.accounts.add({ name: 'Printer' });
    const bans = await open();
    const lifted: string[] = [];
    bans.onLifted(({ address }, by) => lifted.push(`${address} ${by}`));
    ban(bans, pair('192.0.2.1', 'printer'));
    await bans.flush();
    await (await bench.elsewhere()).accounts.setPassword('printer', null);
    await waitFor('the ban to be lifted', () => lifted.length > 0);
    expect(lifted).toEqual(['192.0.2.1 new password']);
  });

  it('by making the account whose name was tried before there was one', async () => {
    const bans = await open();
    ban(bans, pair('192.0.2.1', 'printer'));
    expect(bans.left(pair('192.0.2.1', 'printer'))).not.toBeNull();
    await bench.accounts.add({ name: 'Printer' });
    expect(bans.left(pair('192.0.2.1', 'printer'))).toBeNull();
  });

  it('and is not lifted because something else was changed elsewhere', async () => {
    const bans = await open();
    ban(bans, whole('192.0.2.1')); // not yet written
    const other = await bench.elsewhere();
    await other.accounts.add({ name: 'camera' });
    await waitFor('the account', () => bench.accounts.lookup('camera') !== null);
    await bans.flush();
    expect(bans.left(whole('192.0.2.1'))).toBe(5 * MINUTE);
  });
});
