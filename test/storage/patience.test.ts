// Claims and settlements make no client wait for a sync of their own; and wait for nothing that does not come.

import { describe, expect, it } from 'vitest';
import { createPatience } from '../../server/storage/patience.ts';

/** As after many commits that took so long, the last at 1000. */
function manyOf(took: number, urgent: boolean) {
  const patience = createPatience();
  for (let i = 0; i < 40; i++) patience.committed(took, { urgent, now: 1000 });
  return patience;
}

describe('what nobody waits for', () => {
  it('is put off for two commits of a slow disk, while mail comes in', () => {
    expect(manyOf(20, true).wait(1001)).toBeCloseTo(40, 0);
    expect(manyOf(500, true).wait(1001)).toBe(50);
  });

  it('is not put off on a fast disk', () => {
    expect(manyOf(1, true).wait(1001)).toBe(0);
    expect(createPatience().wait(0)).toBe(0);
  });

  it('is not put off where no mail comes in', () => {
    expect(manyOf(20, false).wait(1001)).toBe(0);
    expect(manyOf(20, true).wait(1000 + 4 * 20 + 1)).toBe(0);
  });

  it('follows a disk that has become fast again', () => {
    const patience = manyOf(20, true);
    for (let i = 0; i < 10; i++) patience.committed(0.2, { urgent: true, now: 1000 });
    expect(patience.wait(1001)).toBe(0);
  });
});
