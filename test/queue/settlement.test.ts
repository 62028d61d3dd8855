// What each outcome means for a recipient: its state, the upstreams that may take it next, its time, and who is told.

import { describe, expect, it } from 'vitest';
import type { ClaimedRecipient } from '../../server/queue/message.ts';
import type { Outcome } from '../../server/queue/outcome.ts';
import { type Circumstances, settlement } from '../../server/queue/settlement.ts';
import { boundTo, UNROUTED } from '../../server/queue/way.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const NOW = 1_000_000;
const QUEUED_AT = 400_000;
const recipient: ClaimedRecipient = {
  ordinal: 0,
  forwardPath: 'a@example.net',
  attempt: 3,
  deferrals: 2,
  age: DAY,
  way: 'R',
  dsn: { notify: null, originalRecipient: null },
  ambiguousSince: null,
  delayReported: false,
};
const circumstances: Circumstances = {
  now: NOW,
  clockTrusted: true,
  policy: { retryMin: MINUTE, retryMax: 60 * MINUTE, expiry: 4 * DAY, ambiguousWait: 10 * MINUTE },
  random: () => 0.5,
  kind: 'mail',
  queuedAt: QUEUED_AT,
  upstreamId: 'A',
  routes: new Map([
    ['R', ['A', 'B']],
    ['single', ['A']],
    ['empty', []],
  ]),
  isOpen: () => true,
  isOutdated: false,
  dsnPassedOn: false,
};

type Deferred = Extract<Outcome, { kind: 'deferred' }>;
type Failed = Extract<Outcome, { kind: 'failed' }>;

const relayed: Outcome = { kind: 'relayed', reply: '250 Ok' };
const deferred = (reason: Deferred['reason']): Outcome => ({
  kind: 'deferred',
  reason,
  stage: 'rcpt',
  reply: '450 4.2.1 Later',
  text: 'Not now.',
});
const failed = (reason: Failed['reason']): Outcome => ({
  kind: 'failed',
  reason,
  stage: 'rcpt',
  reply: null,
  text: 'No such user.',
  status: '5.1.1',
});

const settle = (
  outcome: Outcome,
  changes: Partial<ClaimedRecipient> = {},
  other: Partial<Circumstances> = {},
) => settlement(outcome, { ...recipient, ...changes }, { ...circumstances, ...other });

describe('what ends a recipient', () => {
  it('is that an upstream took it', () => {
    expect(settle(relayed)).toMatchObject({
      state: 'relayed',
      nextAttemptAt: null,
      reply: '250 Ok',
      text: null,
    });
  });

  it.each(['recipient-refused', 'message-refused'] as const)('is a refusal for good: %s', reason => {
    expect(settle(failed(reason))).toMatchObject({
      state: 'failed',
      outcome: 'failed',
      nextAttemptAt: null,
      reply: 'No such user.',
      text: 'No such user.',
      status: '5.1.1',
    });
  });

  it('is that it was tried for long enough, by usable time', () => {
    const old = { way: 'R -B', age: 4 * DAY };
    for (const reason of ['refused-for-now', 'sender-identity', 'connection-lost', 'ambiguous'] as const) {
      expect(settle(deferred(reason), old)).toMatchObject({ state: 'expired', nextAttemptAt: null });
    }
  });

  it('is never age while the clock cannot be trusted, or another upstream that works has not been asked', () => {
    const old = { way: 'R -B', age: 4 * DAY };
    expect(settle(deferred('refused-for-now'), old, { clockTrusted: false }).state).toBe('deferred');
    expect(settle(deferred('refused-for-now'), { age: 4 * DAY }).state).toBe('deferred');
  });
});

describe('a deferral', () => {
  it.each([
    'refused-for-now',
    'sender-identity',
    'connection-lost',
  ] as const)('for %s lets the next upstream of the route take it at once, and costs nothing', reason => {
    expect(settle(deferred(reason))).toMatchObject({ way: 'R -A', deferrals: 2, nextAttemptAt: NOW });
  });

  it('of the last upstream counts, doubles the interval, and starts the round anew', () => {
    expect(settle(deferred('refused-for-now'), { way: 'R -B' })).toMatchObject({
      state: 'deferred',
      way: 'R',
      deferrals: 3,
      nextAttemptAt: NOW + 4 * MINUTE,
    });
  });

  it("for an upstream's trouble costs nothing, neither its place nor its way nor its life", () => {
    expect(settle(deferred('upstream'), { way: 'R -B', age: 400 * DAY })).toMatchObject({
      state: 'deferred',
      way: 'R -B',
      deferrals: 2,
      nextAttemptAt: QUEUED_AT,
    });
    const in2099 = { queuedAt: Date.UTC(2099, 0, 1) };
    expect(settle(deferred('upstream'), {}, in2099).nextAttemptAt).toBe(NOW);
  });

  it('on a route that has lost all its upstreams is routed anew, and loses nothing', () => {
    for (const way of ['empty', 'removed']) {
      expect(settle(deferred('refused-for-now'), { way })).toMatchObject({
        state: 'deferred',
        way: UNROUTED,
      });
      expect(settle(failed('not-supported-upstream'), { way })).toMatchObject({
        state: 'deferred',
        way: UNROUTED,
      });
    }
  });
});

describe('a deferral where the other upstreams of the route do not work', () => {
  const onlyA = { isOpen: (id: string) => id === 'A' };

  it('counts, waits and starts the round anew, as if all had refused it', () => {
    for (const reason of ['refused-for-now', 'sender-identity', 'connection-lost'] as const) {
      expect(settle(deferred(reason), {}, onlyA)).toMatchObject({
        state: 'deferred',
        way: 'R',
        deferrals: 3,
        nextAttemptAt: NOW + 4 * MINUTE,
      });
    }
    expect(settle(deferred('refused-for-now'), { age: 4 * DAY }, onlyA).state).toBe('expired');
  });

  it('waits for them where the message is nothing for the one that works', () => {
    expect(settle(failed('not-supported-upstream'), { way: 'R', age: 4 * DAY }, onlyA)).toMatchObject({
      way: 'R !A',
      deferrals: 2,
      nextAttemptAt: NOW,
    });
  });

  it('gives who has refused it another chance where the last one cannot take it', () => {
    const routes = new Map([['R', ['A', 'B', 'C']]]);
    const isOpen = (id: string) => id !== 'C';
    expect(settle(failed('not-supported-upstream'), { way: 'R -B' }, { routes, isOpen })).toMatchObject({
      way: 'R !A',
      deferrals: 3,
    });
  });
});

describe('what was under way while routes or upstreams changed', () => {
  const changed = { isOutdated: true };

  it('is routed anew, at once where nobody has refused it', () => {
    expect(settle(deferred('upstream'), { way: 'R !B' }, changed)).toMatchObject({
      way: UNROUTED,
      deferrals: 2,
      nextAttemptAt: QUEUED_AT,
    });
  });

  it('is routed anew after a pause where it was refused, lest it go round and round', () => {
    for (const outcome of [deferred('refused-for-now'), failed('not-supported-upstream')])
      expect(settle(outcome, { way: 'R !B' }, changed)).toMatchObject({
        state: 'deferred',
        way: UNROUTED,
        deferrals: 2,
        nextAttemptAt: NOW + MINUTE,
      });
  });

  it('stays where it may have been delivered', () => {
    const before = { way: boundTo('A'), ambiguousSince: 5 };
    for (const reason of ['upstream', 'refused-for-now', 'ambiguous'] as const)
      expect(settle(deferred(reason), before, changed)).toMatchObject(before);
  });
});

describe('an upstream that lacks what the message needs', () => {
  it('is passed over for the next', () => {
    expect(settle(failed('not-supported-upstream'))).toMatchObject({
      state: 'deferred',
      way: 'R !A',
      deferrals: 2,
    });
  });

  it('is no reason to fail while another one has only refused for now', () => {
    expect(settle(failed('not-supported-upstream'), { way: 'R -B' })).toMatchObject({
      state: 'deferred',
      way: 'R !A',
      deferrals: 3,
    });
  });

  it('fails it where none of the route can take it', () => {
    expect(settle(failed('not-supported-upstream'), { way: 'R !B' }).state).toBe('failed');
    expect(settle(failed('not-supported-upstream'), { way: 'single' }).state).toBe('failed');
  });
});

describe('what may have been delivered', () => {
  it('stays with its upstream, and waits', () => {
    expect(settle(deferred('ambiguous'), { deferrals: 0 })).toMatchObject({
      state: 'deferred',
      way: boundTo('A'),
      deferrals: 1,
      ambiguousSince: NOW,
      nextAttemptAt: NOW + 10 * MINUTE,
    });
    expect(settle(deferred('ambiguous'), { deferrals: 6 }).nextAttemptAt).toBe(NOW + 60 * MINUTE);
  });

  it('counts from the first time', () => {
    const before = { way: boundTo('A'), ambiguousSince: 5 };
    expect(settle(deferred('ambiguous'), before)).toMatchObject({ way: boundTo('A'), ambiguousSince: 5 });
  });

  it('stays bound through trouble that says nothing of it', () => {
    const before = { way: boundTo('A'), ambiguousSince: 5 };
    for (const reason of ['upstream', 'connection-lost', 'refused-for-now', 'sender-identity'] as const)
      expect(settle(deferred(reason), before)).toMatchObject(before);
    expect(settle(deferred('refused-for-now'), before)).toMatchObject({
      deferrals: 3,
      nextAttemptAt: NOW + 4 * MINUTE,
    });
  });

  it('is free again once its upstream cannot take it', () => {
    const before = { way: boundTo('A'), ambiguousSince: 5 };
    expect(settle(failed('not-supported-upstream'), before)).toMatchObject({
      way: UNROUTED,
      ambiguousSince: null,
    });
  });
});

describe('what is said about the end', () => {
  const asked = (notify: ClaimedRecipient['dsn']['notify']) => ({ dsn: { notify, originalRecipient: null } });

  it('is a failure, unless nobody wants to know', () => {
    const refused = failed('recipient-refused');
    expect(settle(refused).report).toBe('failure');
    expect(settle(refused, asked(['failure'])).report).toBe('failure');
    expect(settle(refused, asked(['delay'])).report).toBeNull();
    expect(settle(refused, asked('never')).report).toBeNull();
    expect(settle(deferred('refused-for-now'), { way: 'R -B', age: 4 * DAY }).report).toBe('failure');
  });

  it('is a success where it was asked for and the upstream does not say it', () => {
    expect(settle(relayed).report).toBeNull();
    expect(settle(relayed, asked(['success'])).report).toBe('relayed');
    expect(settle(relayed, asked(['success']), { dsnPassedOn: true }).report).toBeNull();
  });

  it('is nothing about an alert, or about a report that was relayed', () => {
    expect(settle(failed('recipient-refused'), {}, { kind: 'alert' }).report).toBeNull();
    for (const kind of ['dsn', 'alert'] as const)
      expect(settle(relayed, asked(['success']), { kind }).report).toBeNull();
  });

  it('is a failure about a report, whatever its recipient asked for: the operator is told', () => {
    const kind = 'dsn';
    expect(settle(failed('recipient-refused'), asked('never'), { kind }).report).toBe('failure');
    const late = { ...asked('never'), way: 'R -B', age: 4 * DAY };
    expect(settle(deferred('refused-for-now'), late, { kind })).toMatchObject({
      state: 'expired',
      report: 'failure',
    });
  });

  it('is nothing while it is tried again', () => {
    expect(settle(deferred('refused-for-now'), { way: 'R -B' }).report).toBeNull();
  });
});
