// Who is told, when, in how many messages: tables.

import { describe, expect, it } from 'vitest';
import { createReportCap } from '../../server/notification/report-cap.ts';
import {
  addresseeOf,
  isLate,
  isStillTrue,
  MOST_IN_DIGEST,
  planFor,
} from '../../server/notification/report-decision.ts';
import { HOUR, MINUTE, makeWorld, NOW } from '../audit/support.ts';

describe('who is told', () => {
  const [owner, reversePath] = ['owner@example.com', 'scanner@example.com'];
  const toOwner = { kind: 'person', to: owner };
  const toSender = { kind: 'person', to: reversePath };
  it.each([
    ['failure', owner, reversePath, false, toOwner],
    ['failure', owner, '', false, toOwner],
    ['failure', owner, reversePath, true, toOwner],
    ['failure', null, reversePath, false, toSender],
    ['failure', null, reversePath, true, { kind: 'operator' }],
    ['failure', null, '', false, { kind: 'operator' }],
    ['delay', null, reversePath, false, toSender],
    ['delay', null, '', false, { kind: 'nobody' }],
    ['delay', null, reversePath, true, { kind: 'nobody' }],
    ['relayed', null, '', false, { kind: 'nobody' }],
    ['relayed', owner, '', false, toOwner],
  ] as const)('%s, owner %s, from <%s>, rewritten %s', (report, owner_, from, rewritten, expected) => {
    expect(addresseeOf({ report, owner: owner_, reversePath: from, rewritten })).toEqual(expected);
  });
});

describe('what would be said', () => {
  const states = ['queued', 'in_flight', 'deferred', 'relayed', 'failed', 'expired'] as const;
  it.each([
    ['failure', ['failed', 'expired']],
    ['delay', ['queued', 'in_flight', 'deferred']],
    ['relayed', ['relayed']],
  ] as const)('%s is still true in the states %j only', (report, expected) => {
    expect(states.filter(state => isStillTrue(report, state))).toEqual(expected);
  });
});

describe('in how many messages', () => {
  const failed = (count: number) => Array.from({ length: count }, () => ({ report: 'failure' }) as const);
  it.each([
    ['as many as are free: each', failed(3), 3, 'each', 3],
    ['one more: all of them in one', failed(4), 3, 'digest', 4],
    ['nothing is free: none', failed(1), 0, 'wait', 0],
    ['a thousand', failed(1_000), 1, 'digest', MOST_IN_DIGEST],
  ] as const)('%s', (_, waiting, free, kind, count) => {
    const plan = planFor(waiting, free);
    expect(plan.kind).toBe(kind);
    expect(plan.kind === 'wait' ? 0 : plan.messages.length).toBe(count);
  });
});

describe('what is late', () => {
  const routes = new Map([
    ['R', ['A', 'B']],
    ['none', []],
  ]);
  it.each([
    ['R', ['A', 'B'], true],
    ['R', [], false],
    ['R', ['B'], true],
    ['R -B', ['B'], false],
    ['=A', ['B'], false],
    ['=B', ['B'], true],
    ['none', ['A'], false],
    ['', ['A'], false],
  ] as const)('%s where %j work: %s', (way, working, expected) => {
    const isWorking = (id: string) => working.some(one => one === id);
    expect(isLate(way, isWorking, routes)).toBe(expected);
  });
});

describe('the cap', () => {
  it('gives a place back an hour after it was taken, to each address its own', () => {
    const { clock, pass } = makeWorld();
    const cap = createReportCap({ clock, perHour: 2, sent: [] });
    cap.note('a@example.net');
    pass(10 * MINUTE);
    cap.note('A@EXAMPLE.net');
    expect([cap.free('a@example.net'), cap.free('b@example.net')]).toEqual([0, 2]);
    expect(cap.wait('a@example.net')).toBe(50 * MINUTE);
    pass(50 * MINUTE);
    expect([cap.free('a@example.net'), cap.wait('a@example.net')]).toEqual([1, 0]);
  });

  it('counts what was sent before the start, also by a clock that was ahead', () => {
    const { clock, pass } = makeWorld();
    const to = 'a@example.net';
    const sent = [NOW - 2 * HOUR, NOW - 59 * MINUTE, NOW + 5 * HOUR].map(at => ({ to, at }));
    const cap = createReportCap({ clock, perHour: 3, sent });
    expect(cap.free(to)).toBe(1);
    pass(MINUTE);
    expect(cap.free(to)).toBe(2);
  });
});
