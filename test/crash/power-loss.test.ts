// Durability against the worst disk: whatever was not synced is gone after a power loss, names as well as octets.
// More rounds by hand: `npm run test:crash -- --power-loss --rounds 50`.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { startProgram } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { forgetfulDisk } from './forgetful-disk.ts';
import { runRounds } from './rounds.ts';

const ROUNDS = 4;
const skip = mustSkip('power loss', suiteNeeds.crash);

describe.skipIf(skip)('a power loss', () => {
  it(`loses no acknowledged message in ${ROUNDS} rounds`, { timeout: 300_000 }, async () => {
    const seed = Date.now() % 1_000_000;
    const result = await runRounds({ rounds: ROUNDS, seed, say: () => {}, losesPower: true });
    noteLine(
      `power loss: seed ${seed}, ${ROUNDS} rounds, ${result.acknowledged} acknowledged, ` +
        `${result.lost.length} lost, ${result.duplicates} duplicates of at most ${result.ceiling}`,
    );
    expect(result.lost, `seed ${seed}`).toEqual([]);
    expect(result.tooMany, `seed ${seed}`).toEqual([]);
    expect(result.acknowledged).toBeGreaterThan(ROUNDS);
    expect(result.stats).toMatchObject({ failed: 0, expired: 0, held: 0 });
  });
});

describe.skipIf(skip)('the disk that forgets', () => {
  it('keeps what was synced, and nothing else', { timeout: 60_000 }, async () => {
    const scratch = makeScratch('forgetful');
    const folder = join(scratch, 'disk');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'old'), 'old');
    const disk = await forgetfulDisk(folder, join(scratch, 'shadow'));
    writeFileSync(join(scratch, 'writer.mjs'), writer(folder));
    const program = startProgram({
      command: [process.execPath, join(scratch, 'writer.mjs')],
      outputFolder: scratch,
      name: 'writer',
      env: disk.env,
    });
    expect((await program.exited).signal, program.stderr()).toBe('SIGKILL');
    disk.losePower();
    const left = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]);
    expect(Object.fromEntries(left)).toEqual({ old: 'old', synced: 'whole', renamed: 'in place' });
    removeScratch(scratch);
  });
});

/** Changes a folder in every way, syncs half of it, and dies. */
function writer(folder: string): string {
  return `
    import { appendFileSync, fsyncSync, openSync, renameSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
    process.chdir(${JSON.stringify(folder)});
    const make = (name, text) => {
      const file = openSync(name, 'wx');
      writeSync(file, text);
      fsyncSync(file);
      return file;
    };
    appendFileSync('old', ' and more');
    const synced = make('sub/synced', 'whole');
    make('sub/temporary', 'in place');
    renameSync('sub/temporary', 'sub/renamed');
    fsyncSync(openSync('sub'));
    writeSync(synced, ' and a tail');
    make('sub/nameless', 'synced, but its folder was not');
    renameSync('sub/renamed', 'sub/moved');
    writeFileSync('sub/late', 'never synced');
    unlinkSync('old');
    process.kill(process.pid, 'SIGKILL');
  `;
}
