// What an HTTP status alone comes to, for every sending API, and how it meets the breaker.

import { describe, expect, it } from 'vitest';
import { type ApiMeaning, byStatus, replyLine, verdictOf } from '../../../server/relay/apis/http-verdict.ts';
import { CLOSED, DEFAULT_PROBE_POLICY, judge as judgeBreaker } from '../../../server/relay/breaker.ts';
import { judgeSent } from '../../../server/relay/verdicts.ts';
import { answer, PLACE, shortVerdict } from './verdict.ts';

const TABLE: readonly (readonly [status: number, verdict: string])[] = [
  [200, 'lost:ambiguous'],
  [204, 'lost:ambiguous'],
  [301, 'fault:unreachable'],
  [302, 'fault:unreachable'],
  [400, 'deferred:refused-for-now'],
  [401, 'token? fault:credentials'],
  [402, 'fault:quota'],
  [403, 'fault:credentials'],
  [404, 'fault:unreachable'],
  [405, 'fault:unreachable'],
  [407, 'fault:credentials'],
  [408, 'fault:unreachable'],
  [409, 'fault:unreachable'],
  [413, 'failed:not-supported-upstream'],
  [415, 'deferred:refused-for-now'],
  [418, 'deferred:refused-for-now'],
  [422, 'deferred:refused-for-now'],
  [425, 'fault:unreachable'],
  [429, 'fault:throttled'],
  [500, 'lost:connection-lost'],
  [501, 'lost:connection-lost'],
  [502, 'lost:ambiguous'],
  [503, 'fault:unreachable'],
  [504, 'lost:ambiguous'],
  [520, 'lost:connection-lost'],
];

const REQUEST = { forwardPaths: ['a@example.net', 'b@example.net'], reversePath: 'scanner@example.com' };

describe('a status', () => {
  it.each(TABLE)('%i → %s', (status, verdict) => {
    expect(shortVerdict(byStatus(answer(status, 'words'), PLACE))).toBe(verdict);
  });

  it('alone fails no message, except one that is too large', () => {
    for (let status = 100; status < 1000; status++) {
      if (status === 413) continue;
      expect(shortVerdict(byStatus(answer(status, ''), PLACE)), `${status}`).not.toMatch(/^failed/);
    }
  });

  it.each([
    ['120', 120_000],
    ['Sat, 21 Nov 2026 12:01:00 GMT', 60_000],
    ['9999999', 86_400_000],
    ['soon', undefined],
  ])('429 waits as long as Retry-After says: %s', (value, wait) => {
    const judged = byStatus(answer(429, '', { 'retry-after': value }), PLACE);
    expect(judged).toMatchObject({ kind: 'refused', verdict: { fault: { kind: 'throttled' } } });
    expect(judged.kind === 'accepted' ? null : judged.verdict.fault?.wait).toBe(wait);
  });
});

describe('an error of the API itself', () => {
  const evidenceOf = (status: number) => {
    const judged = byStatus(answer(status, 'oops'), PLACE);
    if (judged.kind === 'accepted') throw new Error('accepted');
    return judgeSent(REQUEST, { kind: 'judged', verdict: judged.verdict }, 'provider').evidence;
  };

  it('over one message stops nobody else; over three different ones in a row it stops them all', () => {
    const evidence = evidenceOf(500);
    const ended = (messageId: string) => ({ evidence, messageId, probe: false, now: 0 });
    const breakerAfter = (...ids: readonly string[]) =>
      ids.reduce((breaker, id) => judgeBreaker(breaker, ended(id), DEFAULT_PROBE_POLICY).breaker, CLOSED);
    expect(breakerAfter('one', 'one', 'one', 'one', 'one').kind).toBe('closed');
    expect(breakerAfter('one', 'two').kind).toBe('closed');
    expect(breakerAfter('one', 'two', 'three')).toMatchObject({
      kind: 'open',
      fault: { kind: 'unreachable', reply: 'HTTP 500 oops' },
    });
  });

  it.each([403, 404, 503])('%i over one message alone does not keep the others for ever', status => {
    const evidence = evidenceOf(status);
    const ended = (messageId: string, probe: boolean) => ({ evidence, messageId, probe, now: 0 });
    const opened = judgeBreaker(CLOSED, ended('one', false), DEFAULT_PROBE_POLICY).breaker;
    // The same message is the probe: from then on another one may be.
    const { breaker, blame } = judgeBreaker(opened, ended('one', true), DEFAULT_PROBE_POLICY);
    expect({ blame, culprit: breaker.kind === 'open' ? breaker.culprit : '' }).toEqual({
      blame: 'message',
      culprit: null,
    });
  });

  it('to the key alone is about no message', () => {
    expect(evidenceOf(401)).toMatchObject({ fault: { kind: 'credentials', stage: 'auth' } });
  });

  it('that it announces as one stops everybody at once, at no cost', () => {
    expect(evidenceOf(503)).toMatchObject({ kind: 'fault', fault: { kind: 'unreachable' } });
  });
});

describe('several recipients', () => {
  const judged = (meaning: ApiMeaning, forwardPaths: readonly string[]) => {
    const verdict = verdictOf(meaning, { place: PLACE, line: 'HTTP 400 no' });
    return judgeSent({ ...REQUEST, forwardPaths }, { kind: 'judged', verdict, apart: true }, 'provider');
  };

  it('that are refused together are tried one at a time, at no cost', () => {
    const { outcomes, recipientLimit, evidence } = judged('recipient-refused', REQUEST.forwardPaths);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['deferred', 'deferred']);
    expect(outcomes[0]).toMatchObject({ reason: 'upstream', reply: 'HTTP 400 no' });
    expect({ recipientLimit, evidence: evidence.kind }).toEqual({ recipientLimit: 1, evidence: 'answered' });
  });

  it('and one alone has the verdict', () => {
    const { outcomes, recipientLimit } = judged('recipient-refused', ['a@example.net']);
    expect(outcomes).toMatchObject([{ kind: 'failed', reason: 'recipient-refused', stage: 'rcpt' }]);
    expect(recipientLimit).toBeUndefined();
  });
});

describe('the line for the record', () => {
  it('is one printable line that nobody takes for an SMTP reply', () => {
    expect(replyLine({ status: 400 }, 'Code', 'two\r\nlines\u0000 <a@example.com>')).toBe(
      'HTTP 400 Code: two lines <a@example.com>',
    );
  });

  it('shows the words of a page, not its tags', () => {
    const page =
      '<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad</h1></body></html>';
    expect(replyLine({ status: 502 }, page)).toBe('HTTP 502 502 Bad Gateway Bad');
  });

  it('is short whatever comes', () => {
    expect(replyLine({ status: 500 }, 'x'.repeat(70_000)).length).toBe(300);
    expect(replyLine({ status: 500 }, '')).toBe('HTTP 500');
  });
});

describe('the null sender', () => {
  it('that is refused says what helps', () => {
    const { outcome } = verdictOf('sender-identity', {
      place: { ...PLACE, reversePath: '' },
      line: 'HTTP 400',
    });
    expect(outcome).toMatchObject({ text: expect.stringContaining('--null-sender replace') });
  });
});
