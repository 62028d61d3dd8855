// The entry of the program, and with serve.ts and open-command-store.ts the only place where parts are built and joined.
// Time, chance and the standard streams enter here, and nowhere else.

import { userInfo } from 'node:os';
import { basename, relative } from 'node:path';
import { VERSION } from './build.ts';
import { runCli } from './cli/run-cli.ts';
import { createTerminal } from './cli/terminal.ts';
import { systemClock } from './clock.ts';
import { systemRandom } from './ids.ts';
import { createLog } from './log.ts';
import { isRefusedStart } from './refused-start.ts';
import { runAsOwnerOf } from './storage/run-as.ts';

const clock = systemClock;
const random = systemRandom;
const terminal = createTerminal(process);

process.exitCode = await runCli(process.argv.slice(2), {
  version: VERSION,
  environment: process.env,
  folder: process.cwd(),
  terminal,
  serve: async ({ config, cautions }) => {
    runAsOwnerOf(config.storage.path);
    // What only the server needs is loaded only by it: the commands stay quick.
    const { serve } = await import('./serve.ts');
    const logging = createLog({ ...config.log, descriptor: 1, clock });
    return serve({
      config,
      cautions,
      clock,
      random,
      logging,
      say: terminal.complain,
      command: commandHere(),
    });
  },
  openStore: async ({ config }) => {
    const { openCommandStore } = await import('./open-command-store.ts');
    const { createSignalHold } = await import('./signal-hold.ts');
    try {
      const operator = operatorHere();
      const say = (text: string) => terminal.complain(`postern: ${text}\n`);
      const holdSignals = createSignalHold({ process, clock, say });
      const store = await openCommandStore({
        ...{ config, clock, random, operator, holdSignals },
        onFatal: endCommand,
      });
      return { kind: 'open', store };
    } catch (error) {
      if (!isRefusedStart(error)) throw error;
      return { kind: 'refused', text: error.message };
    }
  },
  openBackups: async ({ config: { storage } }) => {
    const { createBackups } = await import('./backup/backups.ts');
    return createBackups({
      data: storage.path,
      allowUnsafeFilesystem: storage.allow_unsafe_filesystem,
      version: VERSION,
      clock,
      random,
    });
  },
});

/** Who runs the command: with sudo, who called it. */
function operatorHere(): string {
  const caller = process.env['SUDO_USER'];
  if (caller !== undefined && caller !== '') return caller;
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as in containers.
    return `uid ${process.getuid?.() ?? ''}`.trim();
  }
}

function endCommand(text: string): void {
  terminal.complain(`postern: ${text}\n`);
  process.exit(1);
}

/** How whoever reads the welcome calls the command line, with the flags that find this data folder. */
function commandHere(): string {
  const flags = process.argv.slice(2).filter(word => word !== 'serve');
  return [programHere(), ...flags].join(' ');
}

function programHere(): string {
  if (process.env['npm_command'] !== undefined) return 'npx postern';
  const script = process.argv[1] ?? 'postern';
  if (/^\/usr\/(local\/)?bin\//.test(script)) return basename(script);
  const near = relative(process.cwd(), script);
  const shown = near.startsWith('..') ? script : `./${near}`;
  return script.endsWith('.ts') ? `node ${shown}` : shown;
}
