// Whose message goes next to an upstream: the accounts in turn, one message each, so that a flood by one delays another's
// mail by one message. Within an account the oldest goes first. Where a backlog waits (after an outage), every second turn of
// the account is for its newest mail: thousands of old messages drain at the rate that the upstream takes, and what a device
// sends now leaves within a few messages' time. Pure.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Pair, Waiting } from './line.ts';

/**
 * `newest`: what was queued lately and never tried (untried.ts), the last one first. `misdated`: rows that a clock in the
 * future has scheduled.
 */
export type Order = 'oldest' | 'newest' | 'misdated';

export type Turn = Pair & Readonly<{ order: Order /** At most this many messages. */; limit: number }>;

/** What is remembered from one claim to the next. */
export type Served = Readonly<{
  /** The account that had the last turn. */
  last: string | null;
  /** How many turns each account that waits has had. */
  turns: ReadonlyMap<string, number>;
}>;

export const NOBODY_SERVED: Served = { last: null, turns: new Map() };

/** Mail that waits for longer is a backlog; mail younger than this is new. */
export const LATELY: DurationMs = 5 * 60_000;

type Dealing = Readonly<{
  limit: number;
  now: EpochMs;
  horizon: EpochMs;
  /** How many messages of a pair were queued lately and never tried; `most` are as good as more. */
  untried: (pair: Pair, most: number) => number;
}>;

/** Deals out `limit` turns among those that are due. */
export function takeTurns(
  due: readonly Waiting[],
  served: Served,
  dealing: Dealing,
): Readonly<{ turns: readonly Turn[]; served: Served }> {
  const { limit } = dealing;
  const byAccount = Map.groupBy(due, waiting => waiting.account);
  const accounts = afterLast([...byAccount.keys()].sort(), served.last);
  const dealt = new Map<string, Turn>();
  const counts = new Map(accounts.map(account => [account, served.turns.get(account) ?? 0]));
  const isLeft = ({ order, ...pair }: Choice) => {
    const taken = dealt.get(keyOf({ order, ...pair }))?.limit ?? 0;
    return order !== 'newest' || dealing.untried(pair, taken + 1) > taken;
  };
  let last = served.last;
  for (let i = 0; i < limit && accounts.length > 0; i++) {
    last = accounts[i % accounts.length] ?? '';
    const count = counts.get(last) ?? 0;
    counts.set(last, count + 1);
    const choices = (byAccount.get(last) ?? [])
      .flatMap(waiting => choicesOf(waiting, dealing))
      .filter(isLeft);
    const choice = choices[count % choices.length];
    if (choice === undefined) continue;
    const key = keyOf(choice);
    dealt.set(key, { ...choice, limit: (dealt.get(key)?.limit ?? 0) + 1 });
  }
  // The newest first: they are what somebody waits for.
  const turns = [...dealt.values()].sort(
    (a, b) => Number(b.order === 'newest') - Number(a.order === 'newest'),
  );
  return { turns, served: { last, turns: counts } };
}

function afterLast(accounts: readonly string[], last: string | null): readonly string[] {
  const next = last === null ? 0 : accounts.findIndex(account => account > last);
  return next <= 0 ? accounts : [...accounts.slice(next), ...accounts.slice(0, next)];
}

type Choice = Pair & Readonly<{ order: Order }>;

function choicesOf(waiting: Waiting, { now, horizon }: Dealing): readonly Choice[] {
  const { way, account, earliest, latest } = waiting;
  const orders: Order[] = [];
  if (earliest <= now) orders.push('oldest');
  if (earliest < now - LATELY) orders.push('newest');
  if (latest > horizon) orders.push('misdated');
  return orders.map(order => ({ way, account, order }));
}

function keyOf({ way, account, order }: Choice): string {
  return JSON.stringify([way, account, order]);
}
