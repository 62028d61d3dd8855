// The three standard streams as the commands see them. A reader that is gone (`postern queue list | head`) is no error.

import type { Readable } from 'node:stream';
import { harmless } from './output.ts';

export type Terminal = Readonly<{
  /** To stdout. */
  print: (text: string) => void;
  /** To stdout as they are; on a terminal harmless, as text. Resolves when more may come. */
  printOctets: (octets: Uint8Array) => Promise<void>;
  /** To stderr. */
  complain: (text: string) => void;
  input: Readable;
  /** Whether a person sits at stdin and stderr, who can be asked. */
  interactive: boolean;
}>;

type Streams = Readonly<{
  stdin: Readable & Readonly<{ isTTY?: boolean }>;
  stdout: NodeJS.WritableStream & Readonly<{ isTTY?: boolean }>;
  stderr: NodeJS.WritableStream & Readonly<{ isTTY?: boolean }>;
}>;

/** Usually over `process`. */
export function createTerminal({ stdin, stdout, stderr }: Streams): Terminal {
  // A closed pipe must not turn into an uncaught exception.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const decoder = new TextDecoder();
  const shown = (octets: Uint8Array) =>
    decoder.decode(octets, { stream: true }).replaceAll('\r', '').split('\n').map(harmless).join('\n');
  return {
    print: text => stdout.write(text),
    printOctets: octets =>
      new Promise(resolve => {
        // An error means that nobody reads any more.
        stdout.write(stdout.isTTY === true ? shown(octets) : octets, () => resolve());
      }),
    complain: text => stderr.write(text),
    input: stdin,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
  };
}

/** One line on stderr, whatever the text was. */
export function complain(terminal: Terminal, text: string): void {
  terminal.complain(`postern: ${harmless(text.trim().replace(/\s*\n\s*/g, ' '))}\n`);
}
