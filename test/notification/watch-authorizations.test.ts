// When the end of a consent or a client secret is said: 14, 3 and 1 days ahead, each stage a subject of its own.

import { describe, expect, it } from 'vitest';
import { type EndingAuthorization, endingAlerts } from '../../server/notification/watch-authorizations.ts';
import { DAY, NOW } from '../audit/support.ts';

function ending(days: number, changes: Partial<EndingAuthorization> = {}): EndingAuthorization {
  const base = { upstream: 'mail', what: 'client-secret', provider: 'microsoft', life: null } as const;
  return { ...base, endsAt: NOW + days * DAY, ...changes };
}

describe('the end of an authorization', () => {
  it('is said 14, 3 and 1 days ahead, and not after it', () => {
    const stages = [15, 14, 4, 3, 2, 1, 0.1, 0, -1].map(
      days => endingAlerts([ending(days)], NOW)[0]?.subject.replace(/ on .*/, '') ?? null,
    );
    expect(stages).toEqual([
      null,
      'mail: client secret, 14 days before its end',
      'mail: client secret, 14 days before its end',
      'mail: client secret, 3 days before its end',
      'mail: client secret, 3 days before its end',
      'mail: client secret, 1 day before its end',
      'mail: client secret, 1 day before its end',
      null,
      null,
    ]);
  });

  it('of a consent of a week is not said when it was just given', () => {
    const consent = (days: number) => ending(days, { what: 'consent', provider: 'google', life: 7 * DAY });
    expect(endingAlerts([consent(7), consent(4)], NOW)).toEqual([]);
    const [alert] = endingAlerts([consent(2.5)], NOW);
    expect(alert).toMatchObject({ kind: 'authorization-ending', subject: expect.stringContaining('3 days') });
    expect(alert?.text).toMatch(
      /consent .* ends on 2026-11-22.*"postern upstream authorize mail".*Publish app/,
    );
  });

  it('says what to do about a client secret', () => {
    expect(endingAlerts([ending(10)], NOW)[0]?.text).toMatch(/--oauth-client-secret-ends DATE/);
  });
});
