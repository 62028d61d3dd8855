// `npm run test:fuzz -- [--minutes N] [--seed S] [--factor F]`: rounds with one seed after the other until the time is over,
// each F times as thorough as in `npm test`. Ends at the first round that fails, with exit status 1 and its seed shown.

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    factor: { type: 'string', default: '5' },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const end = performance.now() + Number(values.minutes) * 60_000;

let seed = Number(values.seed);
do {
  const env = { ...process.env, FUZZ_SEED: String(seed), FUZZ_FACTOR: values.factor };
  const round = spawnSync('vitest', ['run', '--project', 'fuzz'], { env, stdio: 'inherit' });
  if (round.status !== 0) {
    say(`FAILED with seed ${seed}; again: npm run test:fuzz -- --seed ${seed} --factor ${values.factor}`);
    process.exitCode = 1;
    break;
  }
  seed++;
} while (performance.now() < end);
