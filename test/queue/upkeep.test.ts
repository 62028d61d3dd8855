// The passes over waiting mail: one at a time, and what was wanted is done, however often it fails first.

import { afterEach, describe, expect, it } from 'vitest';
import { createUpkeep, type Upkeep } from '../../server/queue/upkeep.ts';
import { eventually } from './mail-bench.ts';

let upkeep: Upkeep;
afterEach(() => upkeep.stop());

describe('routing all anew', () => {
  it('is not forgotten where it fails and something else is wanted meanwhile', async () => {
    const passes: string[] = [];
    let refused = true;
    const pass = (what: string) => async () => {
      passes.push(what);
      return refused ? null : 0;
    };
    upkeep = createUpkeep({
      routing: { run: pass('some'), runAnew: pass('all') },
      outages: { start: () => undefined, stop: async () => undefined },
      onRouted: () => undefined,
    });
    upkeep.rerouteAll();
    await eventually(() => passes.length === 1);
    upkeep.look();
    await eventually(() => passes.length === 2);
    refused = false;
    await eventually(() => passes.length === 3);
    expect(passes).toEqual(['all', 'all', 'all']);
    upkeep.look();
    await eventually(() => passes.length === 4);
    expect(passes.at(-1)).toBe('some');
  });
});
