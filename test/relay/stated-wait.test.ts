// The time to come back at, as providers write it.

import { expect, it } from 'vitest';
import { statedWait } from '../../server/relay/stated-wait.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

it.each([
  ['421 4.7.0 Try again in 60 seconds', 60 * SECOND],
  ['450 4.2.1 Please try again later after 5 minutes', 5 * MINUTE],
  ['451 Too fast, retry after 1 hour', HOUR],
  ['421 4.7.0 Rate limit reached, try again in 1h', HOUR],
  ['452 slow down: wait 90 secs', 90 * SECOND],
  ['550 5.4.5 Daily limit exceeded. The limit resets in 3 hours', 3 * HOUR],
  ['421 Retry after: 30 s', 30 * SECOND],
  ['421 Your account is blocked for 2 days', 24 * HOUR],
])('%s', (text, wait) => {
  expect(statedWait(text)).toBe(wait);
});

it.each([
  null,
  '421 4.7.0 Try again later, closing connection.',
  '550 5.4.5 Daily sending quota of 500 messages in 24 hours exceeded',
  '432 4.3.2 Concurrent connections limit of 3 exceeded',
  '421 try again. 5 minutes is the average delivery time',
  '421 try again in 0 seconds',
])('no time is stated in: %s', text => {
  expect(statedWait(text)).toBeNull();
});
