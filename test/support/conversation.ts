// A program that must be answered while it runs: each line is given when the output asks for it.
// It has no terminal, so that one which asks for a password reads it from its standard input too.

import { spawn } from 'node:child_process';
import type { Finished } from './process.ts';

export type Turn = Readonly<{
  /** Looked for in what was printed since the turn before, on either output. */
  after: RegExp;
  say: string | Uint8Array;
}>;

/** Ends the input after the last turn. Turns that are never asked for are not said; the program's end ends it all. */
export function converse(
  command: readonly string[],
  turns: readonly Turn[],
  { env = {}, timeout = 60_000 }: Readonly<{ env?: Readonly<Record<string, string>>; timeout?: number }> = {},
): Promise<Finished> {
  const [program = '', ...args] = command;
  // detached: a session of its own, without the terminal of whoever runs the tests.
  const child = spawn(program, args, {
    stdio: 'pipe',
    detached: true,
    env: { ...process.env, ...env },
    timeout,
    killSignal: 'SIGKILL',
  });
  const waiting = [...turns];
  const printed = { stdout: '', stderr: '' };
  let unanswered = '';
  const hear = (from: keyof typeof printed) => (chunk: Buffer) => {
    printed[from] += chunk.toString('utf8');
    unanswered += chunk.toString('utf8');
    while (waiting[0]?.after.test(unanswered)) {
      child.stdin.write(waiting.shift()?.say ?? '');
      unanswered = '';
    }
    if (waiting.length === 0) child.stdin.end();
  };
  child.stdout.on('data', hear('stdout'));
  child.stderr.on('data', hear('stderr'));
  child.stdin.on('error', () => {}); // a program may end without reading all its input
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve({ code, ...printed }));
  });
}
