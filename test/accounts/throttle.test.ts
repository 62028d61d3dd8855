// Failed logins, counted and punished: real bans on a real database, real memory of earlier logins, a clock that is moved.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BanPolicy } from '../../server/accounts/ban-decision.ts';
import { createBans } from '../../server/accounts/bans.ts';
import type { Attempt } from '../../server/accounts/login-failures.ts';
import { type Barred, createThrottle, type Throttle } from '../../server/accounts/throttle.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { createAddressKeys } from '../../server/network/address-key.ts';
import { inNetworks } from '../../server/network/named-networks.ts';
import { type ClientAddress, parseClientAddress } from '../../server/smtp/address.ts';
import { createLoginAddresses, type LoginAddresses } from '../../server/storage/login-addresses.ts';
import { type Bench, openBench } from './support.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const policy: BanPolicy = {
  banAfter: 20,
  banAddressAfter: 50,
  accountFailures: 100,
  window: 10 * MINUTE,
  banTime: 5 * MINUTE,
  longestBan: DAY,
};
const isOnLink = ({ text }: ClientAddress) => text.startsWith('2001:db8:1:');
const { keyOf } = createAddressKeys({ isOnLink });

let bench: Bench;
let logins: LoginAddresses;
let throttle: Throttle;
beforeEach(async () => {
  bench = await openBench();
  logins = createLoginAddresses([]);
  throttle = await open();
  await bench.accounts.add({ name: 'printer' });
  await bench.accounts.add({ name: 'camera' });
});
afterEach(() => bench.close());

async function open(options: Readonly<{ delayedSessions?: number; policy?: BanPolicy }> = {}) {
  const { database, clock, accounts } = bench;
  const bans = await createBans({
    database,
    clock,
    newId: () => makeId(clock.now(), systemRandom),
    log: () => undefined,
    accountOf: accounts.byId,
    nameTagsLast: () => true,
  });
  return createThrottle({
    clock,
    policy,
    bans,
    keyOf,
    isNeverBanned: inNetworks(['198.51.100.0/24'], { isOnLink }),
    history: {
      hasLoggedIn: (id, key) => logins.hasLoggedIn(id, key, 30 * DAY, clock.now()),
      isShared: key => logins.accountsAt(key, 7 * DAY, clock.now()) > 1,
    },
    ...options,
  });
}

function client(text: string): ClientAddress {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
}

/** The tag is the name itself here. */
function attempt(address: string, name: string): Attempt {
  return {
    address: client(address),
    nameTag: name,
    account: bench.accounts.lookup(name)?.account ?? null,
  };
}

/** A login that succeeded before. */
function loggedIn(address: string, name: string): void {
  const id = bench.accounts.lookup(name)?.account.id;
  if (id === undefined) throw new Error(`there is no ${name}`);
  const key = keyOf(client(address));
  logins.record(id, { key, place: key }, bench.clock.now());
}

/** So many different wrong passwords, unless `credential` says so otherwise. A fingerprint is of name and password. */
function fail(
  count: number,
  who: Attempt,
  credential: (n: number) => string | null = n => `${who.nameTag} wrong ${n}`,
) {
  return Array.from({ length: count }, (_, n) => {
    const { penalty, bans } = throttle.failed(who, credential(n));
    if (penalty.kind === 'answer') penalty.done();
    const made = bans.map(ban => [
      ban.nameTag === '' ? 'address' : 'pair',
      (ban.endsAt - ban.bannedAt) / MINUTE,
    ]);
    return { delay: penalty.kind === 'answer' ? penalty.delay : penalty.kind, made };
  });
}
/** Why it may not even try; null: it may. */
async function barred(who: Attempt): Promise<Barred | null> {
  const admission = await throttle.admit(who, null, new Promise(() => undefined));
  if (admission.kind === 'gone') throw new Error('nobody has left');
  if (admission.kind !== 'admitted') return admission;
  admission.leave();
  return null;
}
const banned = (results: ReturnType<typeof fail>) => results.flatMap(({ made }) => made);
const delays = (results: ReturnType<typeof fail>) => results.map(({ delay }) => delay);

describe('the delay', () => {
  it('grows with different failures of one address, whatever the name, and of no other', () => {
    expect(delays(fail(3, attempt('192.0.2.1', 'printer')))).toEqual([0, 1000, 2000]);
    expect(delays(fail(3, attempt('192.0.2.1', 'nobody'), n => `other ${n}`))).toEqual([4000, 8000, 8000]);
    expect(delays(fail(1, attempt('192.0.2.2', 'printer')))).toEqual([0]);
  });

  it.each([
    'printer',
    'nobody',
  ])('grows while one wrong password is repeated, too, but leads to no ban: %s', name => {
    const results = fail(500, attempt('192.0.2.1', name), () => 'the old password');
    expect(delays(results).slice(0, 6)).toEqual([0, 1000, 2000, 4000, 8000, 8000]);
    expect(delays(results).at(-1)).toBe(8000);
    expect(banned(results)).toEqual([]);
    expect(delays(fail(1, attempt('192.0.2.1', 'camera')))).toEqual([1000]);
  });

  it('begins anew after a success', () => {
    const who = attempt('192.0.2.1', 'printer');
    fail(5, who, () => 'the old password');
    throttle.succeeded(who);
    expect(delays(fail(2, who, () => 'the old password'))).toEqual([0, 1000]);
  });

  it('grows on loopback and where nobody is ever banned, too', async () => {
    for (const address of ['127.0.0.1', '::1', '198.51.100.1']) {
      const results = fail(200, attempt(address, 'printer'));
      expect(delays(results).at(-1)).toBe(8000);
      expect(banned(results)).toEqual([]);
      expect(await barred(attempt(address, 'printer'))).toBeNull();
      expect(throttle.addressBan(client(address))).toBeNull();
    }
  });

  it('is each pair’s own where several accounts have logged in', () => {
    loggedIn('192.0.2.1', 'printer');
    loggedIn('192.0.2.1', 'camera');
    fail(10, attempt('192.0.2.1', 'nobody'));
    expect(delays(fail(2, attempt('192.0.2.1', 'printer')))).toEqual([0, 1000]);
  });

  it('is the same whether or not there is such an account', () => {
    const known = delays(fail(19, attempt('192.0.2.1', 'printer')));
    const unknown = delays(fail(19, attempt('192.0.2.2', 'nobody')));
    expect(known).toEqual(unknown);
  });

  it('is served to so many sessions at once; others are hung up on', async () => {
    throttle = await open({ delayedSessions: 1 });
    const who = attempt('192.0.2.1', 'printer');
    throttle.failed(who, 'a');
    const waiting = throttle.failed(who, 'b').penalty;
    expect(throttle.failed(who, 'c').penalty).toEqual({ kind: 'hang-up' });
    if (waiting.kind !== 'answer') throw new Error('not waiting');
    waiting.done();
    waiting.done();
    expect(throttle.failed(who, 'd').penalty).toMatchObject({ delay: 4000 });
    expect(throttle.failed(who, 'e').penalty).toEqual({ kind: 'hang-up' });
  });
});

describe('the ban of a pair', () => {
  it('comes at the twentieth different failure and hits nobody else', async () => {
    expect(banned(fail(19, attempt('192.0.2.1', 'printer')))).toEqual([]);
    expect(await barred(attempt('192.0.2.1', 'printer'))).toBeNull();
    expect(banned(fail(1, attempt('192.0.2.1', 'printer'), () => 'the last'))).toEqual([['pair', 5]]);
    expect(await barred(attempt('192.0.2.1', 'printer'))).toEqual({ kind: 'name', left: 5 * MINUTE });
    expect(await barred(attempt('192.0.2.1', 'camera'))).toBeNull();
    expect(await barred(attempt('192.0.2.2', 'printer'))).toBeNull();
  });

  it('is the same for a name that is no account', async () => {
    expect(banned(fail(20, attempt('192.0.2.1', 'nobody')))).toEqual([['pair', 5]]);
    expect(await barred(attempt('192.0.2.1', 'nobody'))).toEqual({ kind: 'name', left: 5 * MINUTE });
  });

  it('counts again from nothing, and is longer each time', () => {
    const lengths: unknown[] = [];
    for (let round = 0; round < 7; round++) {
      lengths.push(...banned(fail(20, attempt('192.0.2.1', 'printer'), n => `${round} ${n}`)));
      bench.clock.move(DAY);
    }
    expect(lengths).toEqual([5, 20, 80, 320, 1280, 1440, 1440].map(minutes => ['pair', minutes]));
  });

  it('is not made again by what was under way already', () => {
    const results = fail(400, attempt('192.0.2.1', 'printer'));
    expect(banned(results)).toEqual([
      ['pair', 5],
      ['address', 5],
    ]);
  });

  it('does not come for failures that are far apart', () => {
    const made = [];
    for (let n = 0; n < 200; n++) {
      made.push(...banned(fail(1, attempt('192.0.2.1', 'printer'), () => `wrong ${n}`)));
      bench.clock.move(MINUTE);
    }
    expect(made).toEqual([]);
  });

  it('ends with a new password, and what was counted before counts no more', async () => {
    fail(20, attempt('192.0.2.1', 'printer'));
    fail(19, attempt('192.0.2.2', 'printer'));
    await bench.accounts.setPassword('printer', null);
    expect(await barred(attempt('192.0.2.1', 'printer'))).toBeNull();
    expect(banned(fail(1, attempt('192.0.2.2', 'printer'), () => 'one more'))).toEqual([]);
  });

  it('is put off by a success', () => {
    fail(19, attempt('192.0.2.1', 'printer'));
    throttle.succeeded(attempt('192.0.2.1', 'printer'));
    expect(banned(fail(19, attempt('192.0.2.1', 'printer'), n => `more ${n}`))).toEqual([]);
  });

  it('is one minute for a device that logged in lately and now fails by challenge and response, again and again', async () => {
    loggedIn('192.0.2.1', 'printer');
    const made: unknown[] = [];
    for (let second = 0; second < 3600; second += 5) {
      if ((await barred(attempt('192.0.2.1', 'printer'))) === null)
        made.push(...banned(fail(1, attempt('192.0.2.1', 'printer'), () => null)));
      bench.clock.move(5000);
    }
    expect(made.length).toBeGreaterThan(10);
    expect(new Set(made.map(String))).toEqual(new Set(['pair,1']));
    // … and the other devices at that address are none the worse for it.
    expect(await barred(attempt('192.0.2.1', 'camera'))).toBeNull();
    expect(throttle.addressBan(client('192.0.2.1'))).toBeNull();
  });
});

describe('the ban of an address', () => {
  const spread = (address: string, count: number, from = 0) =>
    Array.from({ length: count }, (_, n) => fail(1, attempt(address, `name ${from + n}`))).flat();

  it('comes at the fiftieth different failure, whatever the names', async () => {
    expect(banned(spread('192.0.2.1', 50))).toEqual([['address', 5]]);
    expect(throttle.addressBan(client('192.0.2.1'))).toBe(5 * MINUTE);
    expect(await barred(attempt('192.0.2.1', 'camera'))).toEqual({ kind: 'address', left: 5 * MINUTE });
    expect(throttle.addressBan(client('192.0.2.2'))).toBeNull();
  });

  it('never comes where several accounts have logged in lately', () => {
    loggedIn('192.0.2.1', 'printer');
    loggedIn('192.0.2.1', 'camera');
    expect(banned(spread('192.0.2.1', 500))).toEqual([]);
    bench.clock.move(8 * DAY);
    expect(banned(spread('192.0.2.1', 50, 500))).toEqual([['address', 5]]);
  });

  it('hits a foreign /64 as one, and on our own networks one device', () => {
    for (let n = 0; n < 50; n++) fail(1, attempt(`2001:db8:9:9::${n}`, 'nobody'), () => `wrong ${n}`);
    expect(throttle.addressBan(client('2001:db8:9:9:ffff::1'))).toBe(5 * MINUTE);
    for (let n = 0; n < 50; n++) fail(1, attempt(`2001:db8:1:1::${n}`, 'nobody'), () => `wrong ${n}`);
    expect(throttle.addressBan(client('2001:db8:1:1::7'))).toBeNull();
    for (let n = 0; n < 50; n++) fail(1, attempt('fd00::5', `name ${n}`));
    expect(throttle.addressBan(client('fd00::5'))).toBe(5 * MINUTE);
    expect(throttle.addressBan(client('fd00::6'))).toBeNull();
  });
});

describe('one name tried from many addresses', () => {
  const guess = (name: string, count: number) => {
    for (let n = 0; n < count; n++) fail(1, attempt(`203.0.113.${n}`, name), () => `guess ${n}`);
  };

  it.each(['printer', 'nobody'])('is left to those who logged in lately: %s', async name => {
    loggedIn('192.0.2.1', 'printer');
    guess(name, 99);
    expect(await barred(attempt('192.0.2.50', name))).toBeNull();
    guess(name, 100);
    expect(await barred(attempt('192.0.2.50', name))).toEqual({ kind: 'guessed', left: 10 * MINUTE });
    expect(await barred(attempt('192.0.2.50', 'camera'))).toBeNull();
    if (name === 'printer') expect(await barred(attempt('192.0.2.1', name))).toBeNull();
    expect(await barred(attempt('127.0.0.1', name))).toBeNull();
    bench.clock.move(10 * MINUTE);
    expect(await barred(attempt('192.0.2.50', name))).toBeNull();
  });

  it('counts a hundred devices with one old password as one', async () => {
    for (let n = 0; n < 150; n++) fail(1, attempt(`192.0.2.${n}`, 'printer'), () => 'the old password');
    expect(await barred(attempt('192.0.2.200', 'printer'))).toBeNull();
  });
});
