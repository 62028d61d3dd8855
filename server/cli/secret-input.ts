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

/** What it is called, in the options too: `--token-stdin`. */
type Word = 'password' | 'secret' | 'token' | 'passphrase' | 'oauth-client-secret' | 'iam-secret';

/** What it is called in a sentence, where that differs. */
const SPOKEN: Partial<Readonly<Record<Word, string>>> = {
  'oauth-client-secret': 'client secret',
  'iam-secret': 'secret access key',
};
/** `twice`: for one that nothing else will check. */
type Asked = Readonly<{ prompt: string; twice: boolean; word?: Word }>;

export const secretOptions: readonly Option[] = secretOptionsFor('password');

export function secretOptionsFor(word: Word): readonly Option[] {
  const spoken = SPOKEN[word] ?? word;
  return [
    { flags: `--${word}-stdin`, means: `read the ${spoken} from the first line of standard input` },
    {
      flags: `--${word}-file FILE`,
      means: `read the ${spoken} from the first line of a file`,
      readsFile: true,
    },
    { flags: `--${word}-prompt`, means: `ask for the ${spoken} on the terminal` },
  ];
}

/** The password from where the options say; null where they say nothing. */
export async function givenSecret(call: Call, asked: Asked): Promise<Secret | null> {
  const { word = 'password' } = asked;
  const spoken = SPOKEN[word] ?? word;
  if (call.value(`${word}-file`) === '') {
    return misused(`--${word}-file names no file: give the path of the file that holds the ${spoken}.`);
  }
  const file = call.file(`${word}-file`);
  const sources = [call.has(`${word}-stdin`), file !== null, call.has(`${word}-prompt`)];
  if (sources.filter(Boolean).length > 1) {
    return misused(`Give one of --${word}-stdin, --${word}-file and --${word}-prompt.`);
  }
  if (call.has(`${word}-stdin`)) return secretFromInput(call, word);
  if (file?.kind === 'unreadable') {
    return { kind: 'failed', text: `The ${spoken} file ${file.why}` };
  }
  if (file !== null) return firstLineOf(file.octets, `The ${spoken} file`, spoken);
  return call.has(`${word}-prompt`) ? askSecret(call.terminal, asked) : null;
}

/** The first line of standard input. */
export async function secretFromInput({ terminal }: Call, word: Word | 'URL'): Promise<Secret> {
  const spoken = word === 'URL' ? word : (SPOKEN[word] ?? word);
  return firstLineOf(await readFirstLine(terminal.input), 'Standard input', spoken);
}

/** Asks on the terminal, without echo. */
export async function askSecret(
  terminal: Terminal,
  { prompt, twice, word = 'password' }: Asked,
): Promise<Secret> {
  const spoken = SPOKEN[word] ?? word;
  if (!terminal.interactive) {
    return misused(
      `There is no terminal to ask for the ${spoken} on: use --${word}-stdin or --${word}-file FILE.`,
    );
  }
  const first = await ask(terminal, `${prompt}: `);
  if (first === null) return { kind: 'failed', text: `No ${spoken} was given; nothing was changed.` };
  if (twice && (await ask(terminal, 'Once more: ')) !== first) {
    return { kind: 'failed', text: `The two ${spoken}s are not the same; nothing was changed. Try again.` };
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

function firstLineOf(octets: Buffer, source: string, word: string): Secret {
  const end = octets.indexOf(0x0a);
  const line = end < 0 ? octets : octets.subarray(0, end);
  const bare = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  if (bare.length > MAX_OCTETS)
    return { kind: 'failed', text: `${source}: the first line is too long for a ${word}.` };
  if (bare.length === 0)
    return { kind: 'failed', text: `${source}: the first line is empty, so there is no ${word}.` };
  try {
    return { kind: 'given', secret: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bare) };
  } catch {
    return {
      kind: 'failed',
      text: `${source}: the ${word} is not UTF-8. Convert it, for example with iconv.`,
    };
  }
}

function misused(text: string): SecretTrouble {
  return { kind: 'misused', text };
}
