// Starts programs for tests and ends them again: each in its own process group, its output in files.
// Guarantees that whatever was started here is gone when this process ends; ends nothing else.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type Exit = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>;

export type Program = Readonly<{
  pid: number;
  /** Everything written so far. Files, not pipes: a busy test never slows the program down. */
  stdout: () => string;
  stderr: () => string;
  exited: Promise<Exit>;
  hasExited: () => boolean;
  /** To the program alone. */
  signal: (signal: NodeJS.Signals) => void;
  /** SIGTERM; after `grace` milliseconds SIGKILL to the whole group. */
  stop: (grace?: number) => Promise<Exit>;
  /** SIGKILL to the whole group, at once. */
  kill: () => Promise<Exit>;
}>;

export type ProgramOptions = Readonly<{
  command: readonly string[];
  /** Folder for NAME.out and NAME.err. */
  outputFolder: string;
  name: string;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Whether output is added to the files of an earlier run. */
  append?: boolean;
}>;

const groups = new Set<number>();

process.on('exit', () => {
  for (const pid of groups) killGroup(pid);
});
// A signal ends a process without its `exit` event; vitest ends a worker that hangs by one.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

export function startProgram(options: ProgramOptions): Program {
  const [program, ...args] = options.command;
  if (program === undefined) throw new Error('no command');
  const flags = options.append ? 'a' : 'w';
  const paths = ['out', 'err'].map(end => join(options.outputFolder, `${options.name}.${end}`));
  const [out, err] = paths.map(path => openSync(path, flags));
  const child = spawn(program, args, {
    stdio: ['ignore', out, err],
    detached: true,
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
  });
  for (const file of [out, err]) if (file !== undefined) closeSync(file);
  return running(child, program, paths);
}

function running(child: ChildProcess, program: string, paths: readonly string[]): Program {
  const pid = child.pid;
  if (pid === undefined) throw new Error(`cannot start ${program}`);
  groups.add(pid);
  let over = false;
  const exited = new Promise<Exit>(resolve => {
    child.once('exit', (code, signal) => {
      over = true;
      killGroup(pid);
      groups.delete(pid);
      resolve({ code, signal });
    });
  });
  const read = (index: number) => () => readFileSync(paths[index] ?? '', 'utf8');
  const signalAlone = (signal: NodeJS.Signals) => {
    try {
      if (!over) process.kill(pid, signal);
    } catch {
      // It has ended and we have not been told yet.
    }
  };
  const kill = async () => {
    if (!over) killGroup(pid);
    return exited;
  };
  return {
    pid,
    stdout: read(0),
    stderr: read(1),
    exited,
    hasExited: () => over,
    signal: signalAlone,
    stop: async (grace = 15_000) => {
      signalAlone('SIGTERM');
      await Promise.race([exited, sleep(grace, undefined, { ref: false })]);
      return kill();
    },
    kill,
  };
}

export type Finished = Readonly<{ code: number | null; stdout: string; stderr: string }>;

export type RunOptions = Readonly<{
  stdin?: string | Uint8Array;
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Milliseconds after which the program is killed. */
  timeout?: number;
}>;

/** Runs a program to its end and returns what it printed. Never rejects for an exit code. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program, ...args] = command;
  if (program === undefined) throw new Error('no command');
  const child = spawn(program, args, {
    stdio: 'pipe',
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    timeout: options.timeout ?? 60_000,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', () => {}); // a program may end without reading all its input
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code =>
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      }),
    );
  });
}

/** Polls until `check` gives something, or throws after `timeout` milliseconds, saying what was awaited. */
export async function waitFor<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeout = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms in vain for ${what}`);
    await sleep(20);
  }
}

/** The test's own environment without any Postern setting of the person who runs it. */
function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('POSTERN_') && !name.startsWith('VITEST'),
  );
  return { ...Object.fromEntries(kept), ...more };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty already.
  }
}
