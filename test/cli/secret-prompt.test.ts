// A prompt on a real pseudo-terminal: what is typed must not be echoed.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/postern');

/** Runs the command on a terminal of its own, answers both questions, prints what the terminal showed. */
const ON_A_TERMINAL = `
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
answers = [b'never shown 123\\r', b'never shown 123\\r']
while True:
    try:
        chunk = os.read(fd, 4096)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    if answers and shown.rstrip(b' ').endswith(b':') and (b'Once more' in shown or len(answers) == 2):
        time.sleep(0.3)
        os.write(fd, answers.pop(0))
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
`;

const python = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!python)('a password typed at the prompt is not echoed', () => {
  const folder = makeScratch('prompt');
  try {
    const command = [
      LAUNCHER,
      'account',
      'add',
      'typed',
      '--password-prompt',
      '--data',
      join(folder, 'data'),
    ];
    const ran = spawnSync('python3', ['-c', ON_A_TERMINAL, ...command], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(ran.stdout).toContain('Password for typed:');
    expect(ran.stdout).toContain('Once more:');
    expect(ran.stdout).toContain('Account typed is ready.');
    expect(ran.stdout).not.toContain('never shown');
    expect(ran.status).toBe(0);
  } finally {
    removeScratch(folder);
  }
});
