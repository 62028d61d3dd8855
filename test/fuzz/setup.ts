// Chooses the seed of a run once, for all files of this folder, and shows it. FUZZ_SEED=N repeats a run.

import { noteLine } from '../support/report.ts';

export function setup(): void {
  const seed = process.env['FUZZ_SEED'] ?? String(Date.now() % 1_000_000);
  process.env['FUZZ_SEED'] = seed;
  noteLine(`fuzz: seed ${seed} (FUZZ_SEED=${seed} repeats it)`);
}
