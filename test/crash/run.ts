// `npm run test:crash -- [--rounds N] [--seed S] [--power-loss]`: the crash rounds alone, as many as wanted, each one shown.
// Exits 1 when an acknowledged message is lost, or more are duplicates than can be explained (rounds.ts). 1000 rounds take about an hour.

import { parseArgs } from 'node:util';
import { runRounds } from './rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    'power-loss': { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const say = (line: string) => process.stdout.write(`${line}\n`);

say(`seed ${seed}`);
const begin = performance.now();
const result = await runRounds({
  rounds: Number(values.rounds),
  seed,
  say,
  losesPower: values['power-loss'],
});
for (const lost of result.lost) say(`LOST ${lost}`);
for (const round of result.tooMany) say(`TOO MANY DUPLICATES ${round}`);
say(
  `${values.rounds} rounds in ${((performance.now() - begin) / 1000).toFixed(0)} s: ` +
    `${result.acknowledged} acknowledged, ${result.lost.length} lost, ${result.duplicates} duplicates of at most ${result.ceiling}; ` +
    `${result.backups} backups; queue ${JSON.stringify(result.stats)}`,
);
process.exitCode = result.lost.length + result.tooMany.length > 0 ? 1 : 0;
