// A program that must be answered while it runs: each line is given when the output asks for it.
// It has no terminal, so that one which asks for a password reads it from its standard input too.

import { spawn } from 'node:child_process';
import type { Finished } from './process.ts';

export type Turn = Readonly<{
  /** Looked for in what was printed since the turn before, on either output. */
  after: RegExp;
  /** Of what was found, where it must be answered. */
  say: string | Uint8Array | ((found: string) => Promise<string>);
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
  let speaking = Promise.resolve();
  const say = async ({ say }: Turn, found: string) =>
    void child.stdin.write(typeof say === 'function' ? await say(found) : say);
  const hear = (from: keyof typeof printed) => (chunk: Buffer) => {
    printed[from] += chunk.toString('utf8');
    unanswered += chunk.toString('utf8');
    for (let turn = waiting[0]; turn !== undefined; turn = waiting[0]) {
      const now = turn;
      const found = now.after.exec(unanswered);
      if (found === null) return;
      waiting.shift();
      unanswered = '';
      speaking = speaking.then(() => say(now, found[0]));
    }
    speaking = speaking.then(() => void child.stdin.end());
    speaking.catch(() => child.kill('SIGKILL'));
  };
  child.stdout.on('data', hear('stdout'));
  child.stderr.on('data', hear('stderr'));
  child.stdin.on('error', () => {}); // a program may end without reading all its input
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // What could not be answered is told as it is.
    child.once('close', code => speaking.then(() => resolve({ code, ...printed }), reject));
  });
}
