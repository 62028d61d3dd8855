// How the properties of this folder are run: seeded (setup.ts), as often as asked, and FUZZ_FACTOR times as often by hand
// (`npm run test:fuzz`). fast-check shows the smallest counterexample with the seed and path that lead to it.

import fc from 'fast-check';
import { expect, vi } from 'vitest';

export const seed = Number(process.env['FUZZ_SEED'] ?? 1);

/** How many times as much as `npm test` does. */
export const factor = Math.max(1, Number(process.env['FUZZ_FACTOR'] ?? 1));

vi.setConfig({ testTimeout: 60_000 * factor });

/** The property holds for `count` inputs, times the factor. */
export function holds<Inputs>(property: fc.IProperty<Inputs>, count: number): void {
  fc.assert(property, { seed, numRuns: count * factor });
}

/** The same where the property waits for something. */
export function holdsAsync<Inputs>(property: fc.IAsyncProperty<Inputs>, count: number): Promise<void> {
  return fc.assert(property, { seed, numRuns: count * factor });
}

/**
 * Far above what any parser here needs, far below what one with quadratic work takes for the longest inputs: a busy
 * machine must not fail a test.
 */
const MAX_MS = 1_000;

/** The result of `work`, which must come in bounded time. */
export function quickly<Result>(work: () => Result): Result {
  const begin = performance.now();
  const result = work();
  expect(performance.now() - begin).toBeLessThan(MAX_MS);
  return result;
}
