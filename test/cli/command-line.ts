// The command line in this process, on a data folder of its own: real parser, real store, captured output.

import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createBackups } from '../../server/backup/backups.ts';
import { runCli } from '../../server/cli/run-cli.ts';
import type { Terminal } from '../../server/cli/terminal.ts';
import { systemClock } from '../../server/clock.ts';
import { systemRandom } from '../../server/ids.ts';
import { openCommandStore } from '../../server/open-command-store.ts';
import { isRefusedStart } from '../../server/refused-start.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

export type Ran = Readonly<{ status: number; stdout: string; stderr: string }>;

export type CommandLine = Readonly<{
  folder: string;
  run: (words: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** Runs with --json, expects status 0, and parses what it printed. */
  json: (words: readonly string[], options?: RunOptions) => Promise<unknown>;
  remove: () => void;
}>;

type RunOptions = Readonly<{
  /** All of stdin. */
  stdin?: string | Uint8Array;
  environment?: Readonly<Record<string, string>>;
  /** What a person types on a terminal, one answer per question. */
  answers?: readonly string[];
}>;

/** A data folder as a first command leaves it: its keys and certificates cost more than most tests. */
let template: string | null = null;

/** `used`: the data folder is there already, as after a first command; else the first command makes it. */
export function makeCommandLine({ used = true }: Readonly<{ used?: boolean }> = {}): CommandLine {
  const folder = makeScratch('cli');
  if (used && template !== null) cpSync(template, join(folder, 'data'), { recursive: true });
  const run = async (words: readonly string[], options: RunOptions = {}): Promise<Ran> => {
    const done = await runOnce(folder, words, options);
    if (used && template === null && existsSync(join(folder, 'data/tls'))) {
      const kept = makeScratch('cli-template');
      await runOnce(kept, ['queue', 'stats'], {});
      template = join(kept, 'data');
      process.once('exit', () => removeScratch(kept));
    }
    return done;
  };
  return {
    folder,
    run,
    json: async (words, options) => {
      const { status, stdout, stderr } = await run([...words, '--json'], options);
      if (status !== 0) throw new Error(`postern ${words.join(' ')}: exit ${status}: ${stderr}`);
      return JSON.parse(stdout);
    },
    remove: () => removeScratch(folder),
  };
}

async function runOnce(folder: string, words: readonly string[], options: RunOptions): Promise<Ran> {
  const captured = { stdout: '', stderr: '' };
  const status = await runCli(words, {
    version: '1.2.3',
    environment: options.environment ?? {},
    folder,
    terminal: terminalFor(options, captured),
    serve: async () => 0,
    openBackups: async ({ config: { storage } }) =>
      createBackups({
        data: storage.path,
        allowUnsafeFilesystem: false,
        version: '1.2.3',
        clock: systemClock,
        random: systemRandom,
      }),
    openStore: async ({ config }) => {
      try {
        const store = await openCommandStore({
          config,
          clock: systemClock,
          random: systemRandom,
          operator: 'tester',
          onFatal: text => {
            throw new Error(text);
          },
        });
        return { kind: 'open', store };
      } catch (error) {
        if (!isRefusedStart(error)) throw error;
        return { kind: 'refused', text: error.message };
      }
    },
  });
  return { status, ...captured };
}

function terminalFor(options: RunOptions, captured: { stdout: string; stderr: string }): Terminal {
  const input = new PassThrough();
  const answers = [...(options.answers ?? [])];
  if (options.stdin !== undefined) input.end(options.stdin);
  return {
    print: text => {
      captured.stdout += text;
    },
    printOctets: async octets => {
      captured.stdout += Buffer.from(octets).toString('latin1');
    },
    written: async () => null,
    complain: text => {
      captured.stderr += text;
      // A question on the terminal: answer it once it listens.
      if (text.endsWith(': ')) setImmediate(() => input.write(`${answers.shift() ?? '\u0003'}\r`));
    },
    input,
    interactive: options.answers !== undefined,
    screen: null,
    raw: () => undefined,
  };
}
