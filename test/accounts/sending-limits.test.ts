import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  messageExcess,
  recipientExcess,
  type SendingLimits,
  type SentMessage,
} from '../../server/accounts/sending-limits.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const none: SendingLimits = {
  messagesPerMinute: null,
  messagesPerHour: null,
  messagesPerDay: null,
  recipientsPerDay: null,
};

/** Messages accepted at these times, with these recipients (one each where none are given). */
function sending(
  times: readonly number[],
  recipients: readonly number[] = [],
  underWay: readonly number[] = [],
) {
  const sent: SentMessage[] = [];
  times.forEach((at, i) => {
    const count = recipients[i] ?? 1;
    sent.push({ at, recipients: count, total: (sent.at(-1)?.total ?? 0) + count });
  });
  return { sent, underWay: new Set(underWay.map(count => ({ recipients: count }))) };
}

describe('messages in a period', () => {
  it.each([
    ['are free below the limit', [0, 10], [], 3, 20, null],
    ['end at the limit until the first of them is a minute old', [0, 10, 20], [], 3, 30, MINUTE - 30],
    ['still at the last moment', [0, 10, 20], [], 3, MINUTE - 1, 1],
    ['and not at the next', [0, 10, 20], [], 3, MINUTE, null],
    ['count those under way', [0], [1, 1], 3, 10, MINUTE - 10],
    ['can be all under way, and then for a whole minute from now', [], [1, 1, 1], 3, 10, MINUTE],
    ['may be more than a limit that was lowered', [0, 10, 20, 30], [], 2, 40, 20 + MINUTE - 40],
  ])('%s', (_what, times, underWay, limit, now, wait) => {
    const excess = messageExcess(sending(times, [], underWay), { ...none, messagesPerMinute: limit }, now);
    expect(excess).toEqual(wait === null ? null : { kind: 'messages', limit, period: 'minute', wait });
  });

  it('are judged by the limit that lasts longest', () => {
    const limits = { ...none, messagesPerMinute: 2, messagesPerHour: 3, messagesPerDay: 100 };
    expect(messageExcess(sending([0, 10, 20]), limits, 30)).toMatchObject({
      period: 'hour',
      wait: HOUR - 30,
    });
    expect(messageExcess(sending([0, 10]), limits, 30)).toMatchObject({ period: 'minute' });
    expect(messageExcess(sending([0, 1, 2]), { ...none, messagesPerDay: 3 }, HOUR)).toMatchObject({
      period: 'day',
      wait: 23 * HOUR,
    });
  });
});

describe('recipients in 24 hours', () => {
  const limits = { ...none, recipientsPerDay: 10 };
  it.each([
    ['are free up to the limit', [0, 10], [4, 4], [], 2, 20, null],
    ['end there until as many as are needed are a day old', [0, 10, 20], [2, 4, 4], [], 3, 30, 10 + DAY - 30],
    ['count those under way', [0], [4], [5], 2, 30, DAY - 30],
    ['cannot be more than the limit in one message', [0], [4], [], 11, 30, DAY],
    ['are free again after a day', [0], [10], [], 10, DAY, null],
  ])('%s', (_what, times, recipients, underWay, more, now, wait) => {
    const excess = recipientExcess(sending(times, recipients, underWay), limits, more, now);
    expect(excess).toEqual(wait === null ? null : { kind: 'recipients', limit: 10, wait });
  });

  it('do not count where there is no limit', () => {
    expect(recipientExcess(sending([0], [1_000]), none, 1_000, 1)).toBeNull();
  });
});

describe('whatever was sent', () => {
  const times = fc
    .array(fc.nat({ max: 3 * MINUTE }), { maxLength: 30 })
    .map(list => list.toSorted((one, other) => one - other));

  it('no window of a minute ever holds more than the limit, and the wait is exact', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 8 }), (moments, limit) => {
        const accepted: number[] = [];
        for (const now of moments) {
          const limits = { ...none, messagesPerMinute: limit };
          const excess = messageExcess(sending(accepted), limits, now);
          if (excess === null) {
            accepted.push(now);
            continue;
          }
          expect(messageExcess(sending(accepted), limits, now + excess.wait)).toBeNull();
          expect(messageExcess(sending(accepted), limits, now + excess.wait - 1)).not.toBeNull();
        }
        for (const begin of accepted) {
          const within = accepted.filter(at => at >= begin && at < begin + MINUTE);
          expect(within.length).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
