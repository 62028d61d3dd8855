// The entry to the command line. A plain `postern serve` is recognised without the parser of all the other commands: that
// costs memory which a server would carry for good. Everything else goes to program.ts, loaded then.

import { parseArgs } from 'node:util';
import type { Backups } from '../backup/backups.ts';
import type { Environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { isRefusedStart } from '../refused-start.ts';
import type { OpenStore } from './command-store.ts';
import type { Serve } from './serve.ts';
import { complain, type Terminal } from './terminal.ts';

export type CliParts = Readonly<{
  version: string;
  environment: Environment;
  /** The folder that Postern was started in. */
  folder: string;
  terminal: Terminal;
  serve: Serve;
  openStore: OpenStore;
  openBackups: (loaded: LoadedConfig) => Promise<Backups>;
}>;

/**
 * Runs one command; `words` are the arguments after the program's name. Resolves with the exit status: 0 done, 1 failed
 * (said in one line on stderr), 2 wrong usage. Rejects only for a bug.
 */
export async function runCli(words: readonly string[], parts: CliParts): Promise<number> {
  try {
    const flags = flagsOfServe(words);
    if (flags !== null) return await runServe(flags, parts);
    const { runProgram } = await import('./program.ts');
    const status = await runProgram(words, parts);
    const why = await parts.terminal.written();
    if (why === null) return status;
    complain(parts.terminal, `The output is not complete: ${why}. What the command changed stays changed.`);
    return status === 0 ? 1 : status;
  } catch (error) {
    if (!isRefusedStart(error)) throw error;
    complain(parts.terminal, error.message);
    return 1;
  }
}

type Flags = Readonly<{ config?: string; data?: string }>;

/** The flags of `serve`; null for any other command, and for anything that deserves a message about its usage. */
function flagsOfServe(words: readonly string[]): Flags | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { config: { type: 'string' }, data: { type: 'string' } },
      allowPositionals: true,
    });
    return positionals.length === 1 && positionals[0] === 'serve' ? values : null;
  } catch {
    return null;
  }
}

async function runServe(flags: Flags, { environment, folder, terminal, serve }: CliParts): Promise<number> {
  const loaded = await loadConfig({ flags, environment, folder });
  if (loaded.kind === 'loaded') return serve(loaded);
  for (const problem of loaded.problems) complain(terminal, problem);
  return 1;
}
