// `postern serve`: the server in the foreground. What it does stands in main.ts, which hands in `serve`.

import type { LoadedConfig } from '../config/load.ts';
import type { Command } from './command.ts';

/** Runs until it is told to stop; resolves with the exit status. */
export type Serve = (loaded: LoadedConfig) => Promise<number>;

export function serveCommand(serve: Serve): Command {
  return {
    name: 'serve',
    argument: '',
    means: 'run the server in the foreground',
    options: [],
    printsData: false,
    needs: 'config',
    run: async (_call, loaded) => ({ kind: 'ended', status: await serve(loaded) }),
  };
}
