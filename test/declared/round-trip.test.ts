// Whatever there is, an export of it changes nothing where it comes from, and makes the same again in an empty Postern. One
// store is driven from one random state to the next, with --prune; so the way from each state to another is tried too.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DeclaredBench, news, openDeclaredBench } from './bench.ts';
import { document } from './documents.ts';

let bench: DeclaredBench;
let other: DeclaredBench;
beforeAll(async () => {
  [bench, other] = await Promise.all([openDeclaredBench(), openDeclaredBench()]);
});
afterAll(() => Promise.all([bench.close(), other.close()]));

const EMPTY = 'version: 1\nupstreams: []\naccounts: []\nroutes: []\nrecipients: []\nalert_channels: []';

it('an export changes nothing here, and makes the same again elsewhere', async () => {
  await fc.assert(
    fc.asyncProperty(document, async text => {
      await bench.apply(text, { prune: true });
      expect(news(await bench.plan(text, { prune: true }))).toEqual([]);
      const bare = await bench.export();
      expect(news(await bench.plan(bare, { prune: true }))).toEqual([]);
      const file = await bench.export({ withSecrets: true });
      expect(news(await bench.plan(file, { prune: true }))).toEqual([]);
      await other.apply(EMPTY, { prune: true });
      await other.apply(file);
      expect(news(await other.plan(file, { prune: true }))).toEqual([]);
      expect(await other.export()).toBe(bare);
    }),
    { numRuns: 25 },
  );
});
