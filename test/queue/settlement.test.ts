import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../server/queue/outcome.ts';
import { type Circumstances, settlement } from '../../server/queue/settlement.ts';

const DAY = 86_400_000;
const recipient = { ordinal: 0, forwardPath: 'a@example.net', attempt: 3, deferrals: 2, age: DAY };
const circumstances: Circumstances = {
  now: 1_000_000,
  clockTrusted: true,
  policy: { retryMin: 60_000, retryMax: 3_600_000, expiry: 4 * DAY },
  random: () => 0.5,
};

const deferred = (reason: Extract<Outcome, { kind: 'deferred' }>['reason']): Outcome => ({
  kind: 'deferred',
  reason,
  stage: 'rcpt',
  reply: '450 4.2.1 Later',
  text: 'Not now.',
});

describe('what an outcome means for a recipient', () => {
  it('settles what was relayed, with the remote reply', () => {
    const settled = settlement({ kind: 'relayed', reply: '250 Ok' }, recipient, circumstances);
    expect(settled).toMatchObject({ state: 'relayed', nextAttemptAt: null, reply: '250 Ok' });
  });

  it('settles what was refused for good', () => {
    const outcome: Outcome = {
      kind: 'failed',
      reason: 'recipient-refused',
      stage: 'rcpt',
      reply: '550 No',
      text: 'No such user.',
    };
    expect(settlement(outcome, recipient, circumstances)).toMatchObject({
      state: 'failed',
      outcome: 'failed',
      reply: '550 No',
    });
  });

  it('defers with one more deferral and the doubled interval', () => {
    expect(settlement(deferred('refused-for-now'), recipient, circumstances)).toMatchObject({
      state: 'deferred',
      deferrals: 3,
      nextAttemptAt: 1_000_000 + 4 * 60_000,
    });
  });

  it("takes an upstream's trouble off nobody: no deferral, due at once, never expired", () => {
    const old = { ...recipient, age: 400 * DAY };
    expect(settlement(deferred('upstream'), old, circumstances)).toMatchObject({
      state: 'deferred',
      deferrals: 2,
      nextAttemptAt: 1_000_000,
    });
  });

  it('expires what was tried for long enough', () => {
    const old = { ...recipient, age: 4 * DAY };
    expect(settlement(deferred('refused-for-now'), old, circumstances)).toMatchObject({
      state: 'expired',
      nextAttemptAt: null,
    });
    expect(settlement(deferred('sender-identity'), old, circumstances)).toMatchObject({ state: 'expired' });
  });

  it('expires nothing while the clock cannot be trusted', () => {
    const old = { ...recipient, age: 4 * DAY };
    const untrusted = { ...circumstances, clockTrusted: false };
    expect(settlement(deferred('refused-for-now'), old, untrusted).state).toBe('deferred');
  });

  it('marks what may have been delivered', () => {
    expect(settlement(deferred('ambiguous'), recipient, circumstances).ambiguous).toBe(true);
    expect(settlement(deferred('connection-lost'), recipient, circumstances).ambiguous).toBe(false);
  });
});
