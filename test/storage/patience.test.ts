// Claims and settlements make no client wait for a sync of their own; and nobody waits for what does not come.

import { describe, expect, it } from 'vitest';
import { createPatience } from '../../server/storage/patience.ts';

/** As after many commits that took so long, the last at 1000. */
function manyOf(took: number, urgent: number) {
  const patience = createPatience();
  for (let i = 0; i < 40; i++) patience.committed(took, { urgent, now: 1000 });
  return patience;
}

describe('what nobody waits for', () => {
  it('is put off for two commits of a slow disk, while mail comes in', () => {
    expect(manyOf(20, 1).wait(0, 1001)).toBeCloseTo(40, 0);
    expect(manyOf(500, 1).wait(0, 1001)).toBe(50);
  });

  it('is not put off on a fast disk', () => {
    expect(manyOf(1, 1).wait(0, 1001)).toBe(0);
    expect(createPatience().wait(0, 0)).toBe(0);
  });

  it('is not put off where no mail comes in', () => {
    expect(manyOf(20, 0).wait(0, 1001)).toBe(0);
    expect(manyOf(20, 1).wait(0, 1000 + 4 * 20 + 1)).toBe(0);
  });

  it('follows a disk that has become fast again', () => {
    const patience = manyOf(20, 1);
    for (let i = 0; i < 10; i++) patience.committed(0.2, { urgent: 1, now: 1000 });
    expect(patience.wait(0, 1001)).toBe(0);
  });
});

describe('a client', () => {
  it('that is alone waits for nobody', () => {
    expect(manyOf(20, 1).wait(1, 1001)).toBe(0);
  });

  it('waits a moment for those that were answered together, and no longer once they are there', () => {
    const patience = manyOf(20, 4);
    expect(patience.wait(1, 1002)).toBeCloseTo(5, 0);
    expect(patience.wait(4, 1003)).toBe(0);
  });

  it('gets into step with those whose commit ran when it came', () => {
    const patience = manyOf(20, 1);
    expect(patience.wait(3, 1000.1)).toBeCloseTo(5, 0);
    expect(patience.wait(4, 1002)).toBe(0);
  });

  it('waits for nobody on a fast disk', () => {
    expect(manyOf(1, 4).wait(1, 1001)).toBe(0);
  });
});
