// Lines on a real file descriptor: their form, what they may not contain, and that a log which cannot be written harms nobody.

import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Level } from '../../server/events.ts';
import { createLog } from '../../server/log.ts';

const clock = { now: () => Date.UTC(2026, 10, 21, 2, 15, 7, 123), monotonic: () => 0 };
const LOG = join(import.meta.dirname, '../../server/log.ts');

let folder: string;
let descriptor: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-log-'));
  descriptor = openSync(join(folder, 'log'), 'w');
});
afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true, force: true });
});

function logging(format: 'auto' | 'json' | 'text', level: Level = 'info') {
  return createLog({ level, format, descriptor, clock });
}

const written = (): string => readFileSync(join(folder, 'log'), 'utf8');

describe('a JSON line', () => {
  it('has level, time, event and the fields', () => {
    const { log, flush } = logging('json');
    log('message.queued', {
      id: 'X',
      account: 'printer',
      size: 3,
      recipients: 1,
      reverse_path: 'a@b.example',
    });
    flush();
    expect(JSON.parse(written())).toEqual({
      level: 'info',
      time: '2026-11-21T02:15:07.123Z',
      event: 'message.queued',
      id: 'X',
      account: 'printer',
      size: 3,
      recipients: 1,
      reverse_path: 'a@b.example',
    });
  });
  it('is what a file gets when the format is auto', () => {
    const { log, flush } = logging('auto');
    log('server.stopped');
    flush();
    expect(JSON.parse(written()).event).toBe('server.stopped');
  });
  it('is one line, whatever a client put into a field', () => {
    const { log, flush } = logging('json');
    const hostile = 'a\r\n{"event":"auth.succeeded"}\u001b[2J\u007f\u009b\u0085\u2028"\\';
    log('message.queued', { reverse_path: hostile });
    flush();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(written()).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028]+\n$/);
    expect(JSON.parse(written()).reverse_path).toBe(hostile);
  });
  it('is not written below the level', () => {
    const { log, flush } = logging('json', 'warn');
    log('session.opened', { port: 587 });
    log('message.queued', { id: 'X' });
    log('disk.low', { free: 1, reserve: 2 });
    flush();
    expect(written().trim().split('\n')).toHaveLength(1);
  });
});

describe('a line for people', () => {
  it('is time, level, event, name=value', () => {
    const { log, flush } = logging('text');
    log('auth.failed', { account: 'the printer', address: '192.168.1.9', mechanism: 'PLAIN' });
    flush();
    expect(written()).toBe(
      '2026-11-21T02:15:07.123Z warn  auth.failed account="the printer" address=192.168.1.9 mechanism=PLAIN\n',
    );
  });
  it('cannot command a terminal or pretend to be two fields', () => {
    const { log, flush } = logging('text');
    log('message.queued', { reverse_path: 'a size=9\n\u001b[2J\u009b2J\u202e' });
    flush();
    expect(written()).toContain('reverse_path="a size=9\\n\\u001b[2J\\u009b2J\\u202e"\n');
  });
});

describe('a log that cannot be written', () => {
  /** Runs a program that logs, with stdout as given; resolves with its stderr and exit status. */
  function run(
    program: string,
    stdout: 'pipe' | number,
    reader: 'gone' | 'stuck' = 'gone',
  ): Promise<{ status: number | null; stderr: string }> {
    const text = `const { createLog } = await import(${JSON.stringify(LOG)});
      const clock = { now: Date.now, monotonic: () => performance.now() };
      const { log, flush } = createLog({ level: 'info', format: 'json', descriptor: 1, clock });
      ${program}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
      stdio: ['ignore', stdout, 'pipe'],
    });
    if (reader === 'gone') child.stdout?.destroy();
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    return new Promise(resolve =>
      child.once('exit', status => {
        child.stdout?.destroy();
        child.once('close', () => resolve({ status, stderr }));
      }),
    );
  }

  const busy = `for (let i = 0; i < 200; i++) {
      log('message.queued', { id: String(i) });
      if (i % 20 === 0) await new Promise(resolve => setTimeout(resolve, 5));
    }
    log('server.failed', { text: 'fatal lines are flushed at once' });
    flush();
    process.stderr.write('mail goes on');`;

  it('because nobody reads the pipe any more does not stop the process', async () => {
    expect(await run(busy, 'pipe')).toEqual({ status: 0, stderr: 'mail goes on' });
  });
  it('because the disk is full does not stop the process', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      expect(await run(busy, full)).toEqual({ status: 0, stderr: 'mail goes on' });
    } finally {
      closeSync(full);
    }
  });
  it('because the reader of the pipe is stuck does not keep the process from exiting', async () => {
    const program = `for (let i = 0; i < 5000; i++) log('message.queued', { id: 'x'.repeat(100) });
      setTimeout(() => { flush(); process.stderr.write('exits'); process.exit(1); }, 100);`;
    expect(await run(program, 'pipe', 'stuck')).toEqual({ status: 1, stderr: 'exits' });
  });
  it('is still written whole when the process exits at once', async () => {
    const { status } = await run(
      `for (let i = 0; i < 5000; i++) log('message.queued', { id: String(i) }); process.exit(3);`,
      descriptor,
    );
    expect(status).toBe(3);
    expect(written().trim().split('\n')).toHaveLength(5000);
  });
});
