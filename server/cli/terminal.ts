// The three standard streams as the commands see them. A reader that is gone (`postern queue list | head`) is no error;
// anything else that keeps the output from being written is one, however little of it is missing.

import { fstatSync, writeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { harmless } from './output.ts';

export type Terminal = Readonly<{
  /** To stdout. */
  print: (text: string) => void;
  /** To stdout as they are; on a terminal harmless, as text. Resolves when more may come. */
  printOctets: (octets: Uint8Array) => Promise<void>;
  /** Resolves once stdout has all of it: null, or why it has not. */
  written: () => Promise<string | null>;
  /** To stderr. */
  complain: (text: string) => void;
  input: Readable;
  /** Whether a person sits at stdin and stderr, who can be asked. */
  interactive: boolean;
  /** What that person looks at; null where stderr is no terminal. */
  screen: Screen | null;
  /** Each key at once and unseen, Ctrl-C too; or lines again. Nothing where stdin is no terminal. */
  raw: (on: boolean) => void;
}>;

export type Screen = Readonly<{
  output: Writable;
  columns: () => number;
  /** Whether it shows more than ASCII. */
  unicode: boolean;
  colours: boolean;
}>;

type Streams = Readonly<{
  stdin: Readable & Readonly<{ isTTY?: boolean; setRawMode?: (on: boolean) => unknown }>;
  stdout: NodeJS.WritableStream & Readonly<{ isTTY?: boolean; fd?: number }>;
  stderr: Writable & Readonly<{ isTTY?: boolean; columns?: number }>;
  env: Readonly<Record<string, string | undefined>>;
}>;

/** Usually over `process`. */
export function createTerminal({ stdin, stdout, stderr, env }: Streams): Terminal {
  const output = createOutput(stdout);
  // A closed pipe must not turn into an uncaught exception.
  stderr.on('error', () => undefined);
  const decoder = new TextDecoder();
  const shown = (octets: Uint8Array) =>
    decoder.decode(octets, { stream: true }).replaceAll('\r', '').split('\n').map(harmless).join('\n');
  return {
    print: text => void output.put(text),
    printOctets: octets => output.put(stdout.isTTY === true ? shown(octets) : octets),
    written: output.written,
    complain: text => stderr.write(text),
    input: stdin,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    screen: stderr.isTTY === true ? screenOver(stderr, env) : null,
    raw: on => void (stdin.isTTY === true && stdin.setRawMode?.(on)),
  };
}

function screenOver(output: Streams['stderr'], env: Streams['env']): Screen {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const isDumb = env['TERM'] === 'dumb';
  return {
    output,
    columns: () => output.columns ?? 80,
    // A container's shell has no locale, or says C or POSIX, and its terminal shows UTF-8 all the same.
    unicode: !isDumb && (!locale.includes('.') || /\.utf-?8/i.test(locale)),
    colours: !isDumb && (env['NO_COLOR'] ?? '') === '',
  };
}

/** One line on stderr, whatever the text was. */
export function complain(terminal: Terminal, text: string): void {
  terminal.complain(`postern: ${harmless(text.trim().replace(/\s*\n\s*/g, ' '))}\n`);
}

type Output = Readonly<{
  put: (data: string | Uint8Array) => Promise<void>;
  written: () => Promise<string | null>;
}>;

function createOutput(stream: Streams['stdout']): Output {
  const file = fileOf(stream);
  let end: 'open' | 'nobody-reads' | Readonly<{ why: string }> = 'open';
  const note = (error: unknown): void => {
    if (end === 'open' && error instanceof Error) end = isClosedPipe(error) ? 'nobody-reads' : whyOf(error);
  };
  stream.on('error', note);

  const put = async (data: string | Uint8Array): Promise<void> => {
    // What would follow a piece that is missing must not stand in its place.
    if (end !== 'open') return;
    if (file === null) {
      await new Promise<void>(resolve => {
        stream.write(data, error => {
          note(error);
          resolve();
        });
      });
      return;
    }
    try {
      writeWhole(file, data);
    } catch (error) {
      note(error);
    }
  };
  return {
    put,
    written: async () => {
      await put('');
      return typeof end === 'string' ? null : end.why;
    },
  };
}

/** The descriptor of a regular file. Node's own stream takes a short write, such as on a disk that fills up, for a whole one. */
function fileOf({ fd }: Streams['stdout']): number | null {
  try {
    return fd !== undefined && fstatSync(fd).isFile() ? fd : null;
  } catch {
    return null;
  }
}

function writeWhole(descriptor: number, data: string | Uint8Array): void {
  let rest = typeof data === 'string' ? Buffer.from(data) : data;
  while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
}

function isClosedPipe(error: Error): boolean {
  return 'code' in error && error.code === 'EPIPE';
}

function whyOf(error: Error): Readonly<{ why: string }> {
  const code = 'code' in error ? error.code : null;
  if (code === 'ENOSPC') return { why: 'the disk is full' };
  return { why: code === 'EDQUOT' ? 'the quota is used up' : error.message };
}
