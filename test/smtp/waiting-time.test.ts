import { describe, expect, it } from 'vitest';
import { inWords } from '../../server/smtp/waiting-time.ts';

describe('inWords', () => {
  it.each([
    [0, 'in 1 second'],
    [1, 'in 1 second'],
    [1_001, 'in 2 seconds'],
    [30_000, 'in 30 seconds'],
    [119_000, 'in 119 seconds'],
    [120_000, 'in 2 minutes'],
    [12 * 60_000, 'in 12 minutes'],
    [12 * 60_000 + 1, 'in 13 minutes'],
    [119 * 60_000, 'in 119 minutes'],
    [3 * 3_600_000, 'in 3 hours'],
    [47 * 3_600_000, 'in 47 hours'],
    [2 * 86_400_000, 'in 2 days'],
    [365 * 86_400_000, 'in 365 days'],
  ])('%i ms', (duration, words) => {
    expect(inWords(duration)).toBe(words);
  });
});
