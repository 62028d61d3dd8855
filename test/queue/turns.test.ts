// Whose message goes next: the accounts in turn, the oldest first within each, new mail beside a backlog.

import { describe, expect, it } from 'vitest';
import type { Waiting } from '../../server/queue/line.ts';
import { LATELY, NOBODY_SERVED, type Served, takeTurns } from '../../server/queue/turns.ts';

const NOW = 1_800_000_000_000;
const HORIZON = NOW + 3_600_000;

const waiting = (account: string, changes: Partial<Waiting> = {}): Waiting => ({
  way: 'R',
  account,
  earliest: NOW - 1_000,
  latest: NOW,
  ...changes,
});

const EVERYBODY_HAS_NEW_MAIL = {
  now: NOW,
  horizon: HORIZON,
  untried: (_pair: unknown, most: number) => most,
};

/** The accounts (and orders) served by claims of one message each. */
function oneByOne(due: readonly Waiting[], count: number): readonly string[] {
  let served: Served = NOBODY_SERVED;
  return Array.from({ length: count }, () => {
    const dealt = takeTurns(due, served, { ...EVERYBODY_HAS_NEW_MAIL, limit: 1 });
    served = dealt.served;
    return dealt.turns.map(turn => `${turn.account} ${turn.order} ${turn.way}`).join();
  });
}

describe('the turns', () => {
  it('go round the accounts, from one claim to the next', () => {
    const due = ['B', 'A', 'C'].map(account => waiting(account));
    expect(oneByOne(due, 5).map(turn => turn[0])).toEqual(['A', 'B', 'C', 'A', 'B']);
  });

  it('go on behind the account that was served last, also where it waits no longer', () => {
    const served: Served = { last: 'B', turns: new Map() };
    const due = ['A', 'C'].map(account => waiting(account));
    const { turns } = takeTurns(due, served, { ...EVERYBODY_HAS_NEW_MAIL, limit: 1 });
    expect(turns.map(turn => turn.account)).toEqual(['C']);
  });

  it('are dealt out evenly, and all to one where nobody else waits', () => {
    const deal = (due: readonly Waiting[]) =>
      takeTurns(due, NOBODY_SERVED, { ...EVERYBODY_HAS_NEW_MAIL, limit: 7 }).turns.map(
        ({ account, limit }) => [account, limit],
      );
    expect(deal([waiting('A'), waiting('B'), waiting('C')])).toEqual([
      ['A', 3],
      ['B', 2],
      ['C', 2],
    ]);
    expect(deal([waiting('A')])).toEqual([['A', 7]]);
    expect(deal([])).toEqual([]);
  });

  it('alternate between the ways of an account, which has no more turns for having many', () => {
    const due = [waiting('A'), waiting('A', { way: 'R -U' }), waiting('B')];
    expect(oneByOne(due, 6)).toEqual([
      'A oldest R',
      'B oldest R',
      'A oldest R -U',
      'B oldest R',
      'A oldest R',
      'B oldest R',
    ]);
  });

  it('give every second one of a backlog to the newest mail', () => {
    const backlog = waiting('A', { earliest: NOW - LATELY - 1 });
    expect(oneByOne([backlog], 4)).toEqual(['A oldest R', 'A newest R', 'A oldest R', 'A newest R']);
    expect(oneByOne([backlog, waiting('B')], 6).filter(turn => turn.startsWith('A'))).toEqual([
      'A oldest R',
      'A newest R',
      'A oldest R',
    ]);
  });

  it('are for what a wrong clock has scheduled too', () => {
    const misdated = waiting('A', { earliest: NOW + 5, latest: HORIZON + 1 });
    expect(oneByOne([misdated], 1)).toEqual(['A misdated R']);
    expect(oneByOne([waiting('A', { latest: HORIZON + 1 })], 2)).toEqual(['A oldest R', 'A misdated R']);
  });
});
