// The breaker as a table of what happens and what follows. Times are in seconds for reading, milliseconds inside.

import { describe, expect, it } from 'vitest';
import type { UpstreamFault } from '../../server/queue/outcome.ts';
import type { Breaker, Evidence } from '../../server/relay/breaker.ts';
import { allowance, CLOSED, judge, started, suspicious } from '../../server/relay/breaker.ts';

const POLICY = { min: 30_000, max: 3_600_000, maxUnreachable: 300_000, minQuota: 600_000 };

const fault = (kind: UpstreamFault['kind'], stage: UpstreamFault['stage']): UpstreamFault => ({
  kind,
  stage,
  reply: null,
  text: kind,
});
const badLogin: Evidence = { kind: 'fault', fault: fault('credentials', 'auth') };
const noWay: Evidence = { kind: 'fault', fault: fault('unreachable', 'connect') };
const overQuota: Evidence = { kind: 'fault', fault: fault('quota', 'rcpt') };
const lost: Evidence = { kind: 'lost', fault: fault('unreachable', 'mail') };
const answered: Evidence = { kind: 'answered' };
const nothing: Evidence = { kind: 'nothing' };

/** One delivery of `messageId` that begins and ends `at` seconds. */
function delivery(breaker: Breaker, evidence: Evidence, at: number, messageId = 'M1') {
  const probe = breaker.kind === 'open';
  return judge(started(breaker), { evidence, messageId, probe, now: at * 1000 }, POLICY);
}

const next = (breaker: Breaker, evidence: Evidence, at: number, messageId = 'M1') =>
  delivery(breaker, evidence, at, messageId).breaker;

function wait(breaker: Breaker, at: number): number | null {
  return breaker.kind === 'open' ? (breaker.probeAt - at * 1000) / 1000 : null;
}

describe('a missing consent', () => {
  it('is not asked for again and again: an hour lies between probes, from the first on', () => {
    const missing: Evidence = { kind: 'fault', fault: fault('consent', 'auth') };
    const open = next(CLOSED, missing, 100);
    expect(wait(open, 100)).toBe(3600);
    expect(wait(next(open, missing, 3700), 3700)).toBe(3600);
  });
});

describe('a closed breaker', () => {
  it('lets as many run as there are connections', () => {
    expect(allowance(CLOSED, 3, 0)).toBe(3);
  });

  it('opens at the first fault and lets nothing run until the first probe is due', () => {
    const open = next(CLOSED, badLogin, 100);
    expect(allowance(open, 3, 129_999)).toBe(0);
    expect(allowance(open, 3, 130_000)).toBe(1);
  });

  it('stays closed when one message keeps losing its connection', () => {
    let breaker: Breaker = CLOSED;
    for (let i = 0; i < 10; i++) breaker = next(breaker, lost, i, 'M1');
    expect(breaker.kind).toBe('closed');
  });

  it('opens when three different messages in a row lose theirs', () => {
    const two = next(next(CLOSED, lost, 1, 'M1'), lost, 2, 'M2');
    expect(two.kind).toBe('closed');
    expect(next(two, lost, 3, 'M3').kind).toBe('open');
    const between = next(next(two, answered, 3, 'M4'), lost, 4, 'M3');
    expect(between.kind).toBe('closed');
  });

  it('blames the message for its lost connection', () => {
    expect(delivery(CLOSED, lost, 1).blame).toBe('message');
    expect(delivery(CLOSED, badLogin, 1).blame).toBe('upstream');
  });
});

describe('an open breaker', () => {
  it('lets one probe run at a time', () => {
    const open = started(next(CLOSED, badLogin, 0));
    expect(allowance(open, 3, 60_000)).toBe(0);
  });

  it('doubles the wait after every failed probe, up to its limit', () => {
    let breaker = next(CLOSED, badLogin, 0);
    const waits = [wait(breaker, 0)];
    for (let i = 0; i < 9; i++) {
      breaker = next(breaker, badLogin, 0);
      waits.push(wait(breaker, 0));
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
  });

  it('waits no longer than five minutes for an upstream that cannot be reached', () => {
    let breaker = next(CLOSED, noWay, 0);
    for (let i = 0; i < 9; i++) breaker = next(breaker, noWay, 0);
    expect(wait(breaker, 0)).toBe(300);
  });

  it('waits as long as the upstream says by itself (Retry-After), be it shorter or longer', () => {
    const says = (kind: UpstreamFault['kind'], seconds: number): Evidence => ({
      kind: 'fault',
      fault: { ...fault(kind, 'body'), wait: seconds * 1000 },
    });
    const asked = (kind: UpstreamFault['kind'], seconds: number) =>
      wait(next(CLOSED, says(kind, seconds), 0), 0);
    expect(asked('unreachable', 5)).toBe(5);
    expect(asked('unreachable', 900)).toBe(900);
    expect(asked('unreachable', 86_400)).toBe(3600);
    expect(asked('quota', 86_400)).toBe(86_400);
    for (const kind of ['unreachable', 'quota'] as const) {
      expect(asked(kind, 0)).toBe(1);
      expect(wait(next(next(CLOSED, says(kind, 5), 0), says(kind, 5), 5, 'M2'), 5)).toBe(30);
    }
  });

  it('closes when the probe is answered, be it with a refusal', () => {
    expect(next(next(CLOSED, badLogin, 0), answered, 30)).toEqual(CLOSED);
  });

  it('ignores what began before the fault', () => {
    const open = next(CLOSED, badLogin, 0);
    const late = { evidence: answered, messageId: 'M0', probe: false, now: 1000 };
    expect(judge(open, late, POLICY).breaker).toEqual(open);
  });

  it('probes again at once when the probe ended for our own reasons', () => {
    const again = next(next(CLOSED, badLogin, 0), nothing, 30);
    expect(allowance(again, 3, 30_000)).toBe(1);
  });

  it('lets another message probe when the same one meets the fault twice after MAIL', () => {
    const open = next(CLOSED, overQuota, 0, 'M1');
    const second = delivery(open, overQuota, 30, 'M1');
    expect(second.blame).toBe('message');
    expect(wait(second.breaker, 30)).toBe(30);
    expect(delivery(second.breaker, overQuota, 60, 'M2').blame).toBe('upstream');
  });

  it('never blames a message for what happens before MAIL', () => {
    const open = next(CLOSED, badLogin, 0, 'M1');
    expect(delivery(open, badLogin, 30, 'M1').blame).toBe('upstream');
  });
});

it('after a start with a known fault one probe is due at once', () => {
  const breaker = suspicious(fault('credentials', 'connect'), 0);
  expect(allowance(breaker, 3, 0)).toBe(1);
  expect(wait(next(breaker, badLogin, 0), 0)).toBe(60);
});
