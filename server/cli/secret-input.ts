// Where passwords come from: one line of stdin, a file, or a prompt without echo. Never an argument, which every process
// on the machine can read. The octets must be UTF-8: a password that was silently mangled is found out only by a device.

import { createInterface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';
import type { Call, Option } from './command.ts';
import type { Terminal } from './terminal.ts';

export type Secret = Readonly<{ kind: 'given'; secret: string }> | SecretTrouble;
export type SecretTrouble = Readonly<{ kind: 'misused' | 'failed'; text: string }>;

/** A line longer than this is no password. */
const MAX_OCTETS = 65_536;

export const secretOptions: readonly Option[] = [
  { flags: '--password-stdin', means: 'read the password from the first line of standard input' },
  {
    flags: '--password-file FILE',
    means: 'read the password from the first line of a file',
    readsFile: true,
  },
  { flags: '--password-prompt', means: 'ask for the password on the terminal' },
];

/** The password from where the options say; null where they say nothing. */
export async function givenSecret(
  call: Call,
  { prompt, twice }: Readonly<{ prompt: string; twice: boolean }>,
): Promise<Secret | null> {
  if (call.value('password-file') === '') {
    return misused('--password-file names no file: give the path of the file that holds the password.');
  }
  const file = call.file('password-file');
  const sources = [call.has('password-stdin'), file !== null, call.has('password-prompt')];
  if (sources.filter(Boolean).length > 1) {
    return misused('Give one of --password-stdin, --password-file and --password-prompt.');
  }
  if (call.has('password-stdin'))
    return firstLineOf(await readFirstLine(call.terminal.input), 'Standard input');
  if (file?.kind === 'unreadable') {
    return { kind: 'failed', text: `The password file ${file.why}` };
  }
  if (file !== null) return firstLineOf(file.octets, 'The password file');
  return call.has('password-prompt') ? askSecret(call.terminal, { prompt, twice }) : null;
}

/** Asks on the terminal, without echo; `twice` for a password that nothing else will check. */
export async function askSecret(
  terminal: Terminal,
  { prompt, twice }: Readonly<{ prompt: string; twice: boolean }>,
): Promise<Secret> {
  if (!terminal.interactive) {
    return misused(
      'There is no terminal to ask for the password on: use --password-stdin or --password-file FILE.',
    );
  }
  const first = await ask(terminal, `${prompt}: `);
  if (first === null) return { kind: 'failed', text: 'No password was given; nothing was changed.' };
  if (twice && (await ask(terminal, 'Once more: ')) !== first) {
    return { kind: 'failed', text: 'The two passwords are not the same; nothing was changed. Try again.' };
  }
  return { kind: 'given', secret: first };
}

/** Null when the person gives up (Ctrl-C, Ctrl-D). */
function ask(terminal: Terminal, prompt: string): Promise<string | null> {
  terminal.complain(prompt);
  return new Promise(resolve => {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: terminal.input, output: silent, terminal: true, historySize: 0 });
    let answer: string | null = null;
    lines.once('line', line => {
      answer = line;
      lines.close();
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      terminal.complain('\n');
      resolve(answer);
    });
  });
}

/** Octets up to the first line end; does not wait for more than that. */
async function readFirstLine(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    chunks.push(octets);
    length += octets.length;
    if (octets.includes(0x0a) || length > MAX_OCTETS) break;
  }
  return Buffer.concat(chunks);
}

function firstLineOf(octets: Buffer, source: string): Secret {
  const end = octets.indexOf(0x0a);
  const line = end < 0 ? octets : octets.subarray(0, end);
  const bare = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  if (bare.length > MAX_OCTETS)
    return { kind: 'failed', text: `${source}: the first line is too long for a password.` };
  if (bare.length === 0)
    return { kind: 'failed', text: `${source}: the first line is empty, so there is no password.` };
  try {
    return { kind: 'given', secret: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bare) };
  } catch {
    return {
      kind: 'failed',
      text: `${source}: the password is not UTF-8. Convert it, for example with iconv.`,
    };
  }
}

function misused(text: string): SecretTrouble {
  return { kind: 'misused', text };
}
