// Reads and plays test/dialog/*.smtp: one SMTP conversation a file, and the file's name is the rule it shows.
//
//   # comment                       ! server small        (before all else) the server with small limits
//   < 250 2.1.0 *   expect a line   ! listener implicit   (before all else) the port with TLS from the start
//   < 250-*         any number of   ! tls                 the client starts TLS
//                   such lines      ! login               EHLO, STARTTLS, EHLO, AUTH PLAIN, all expected to succeed
//   > text          send with CRLF  ! close               the client closes; a new connection follows
//   >> raw\r\n      send as it is   ! closed              expect that the server closes
//   {{plain}} {{A*12}}              ! queued 1 a@b        expect so many queued messages from that reverse-path
//
// Sends that follow each other go out in one write, so they are pipelined; `! pause` between two makes them two writes
// that arrive apart. `*` in an expectation is any text.

import { setTimeout as sleep } from 'node:timers/promises';
import { openWire, type Wire } from './wire.ts';

type Action =
  | Readonly<{ kind: 'expect'; pattern: string }>
  | Readonly<{ kind: 'send'; octets: Buffer }>
  | Readonly<{ kind: 'tls' }>
  | Readonly<{ kind: 'login' }>
  | Readonly<{ kind: 'pause' }>
  | Readonly<{ kind: 'close' }>
  | Readonly<{ kind: 'closed' }>
  | Readonly<{ kind: 'queued'; count: number; reversePath: string }>;

type Step = Action & Readonly<{ lineNumber: number; source: string }>;

export type Dialog = Readonly<{
  server: string;
  listener: 'starttls' | 'implicit';
  steps: readonly Step[];
}>;

/** The words that stand alone after `! `. */
const words = ['tls', 'login', 'pause', 'close', 'closed'] as const;

/** Long enough that what is sent before and after it arrives in two pieces, in milliseconds. */
const PAUSE = 40;

/** Values for `{{name}}`. */
export type Variables = Readonly<Record<string, string>>;

export type DialogTarget = Readonly<{
  ports: Readonly<{ starttls: number; implicit: number }>;
  ca: string;
  /** Source address, so that one dialog's failed logins do not slow another down. */
  from: string;
  variables: Variables;
  countQueued: (reversePath: string) => Promise<number>;
}>;

/** Throws on a line that it does not understand, with its number. */
export function parseDialog(text: string, variables: Variables): Dialog {
  let server = 'default';
  let listener: Dialog['listener'] = 'starttls';
  const steps: Step[] = [];
  for (const [index, source] of text.split('\n').entries()) {
    if (source.trim() === '' || source.startsWith('#')) continue;
    const header = /^! (server|listener) (\S+)$/.exec(source);
    if (header?.[1] === 'server') server = header[2] ?? server;
    else if (header?.[1] === 'listener') listener = header[2] === 'implicit' ? 'implicit' : 'starttls';
    else steps.push({ ...parseAction(source, variables, index + 1), lineNumber: index + 1, source });
  }
  return { server, listener, steps };
}

function parseAction(source: string, variables: Variables, lineNumber: number): Action {
  const raw = /^>> ?(.*)$/.exec(source);
  if (raw) return { kind: 'send', octets: octetsOf(substitute(raw[1] ?? '', variables)) };
  const sent = /^> ?(.*)$/.exec(source);
  if (sent)
    return { kind: 'send', octets: Buffer.from(`${substitute(sent[1] ?? '', variables)}\r\n`, 'utf8') };
  const expected = /^< ?(.*)$/.exec(source);
  if (expected) return { kind: 'expect', pattern: substitute(expected[1] ?? '', variables) };
  const queued = /^! queued (\d+) (\S*)$/.exec(source);
  if (queued) return { kind: 'queued', count: Number(queued[1]), reversePath: queued[2] ?? '' };
  const word = words.find(known => source.trim() === `! ${known}`);
  if (word !== undefined) return { kind: word };
  throw new Error(`line ${lineNumber} is no dialog line: ${source}`);
}

/** Plays the dialog; throws at the first line that is not as expected, with everything said until then. */
export async function playDialog(dialog: Dialog, target: DialogTarget): Promise<void> {
  const transcript: string[] = [];
  const open = () =>
    openWire({
      port: target.ports[dialog.listener],
      ca: target.ca,
      from: target.from,
      implicitTls: dialog.listener === 'implicit',
    });
  let wire = await open();
  try {
    for (let i = 0; i < dialog.steps.length; i++) {
      const step = dialog.steps[i];
      if (step === undefined) break;
      if (step.kind === 'send') {
        // Gather what is sent in one go.
        const octets = [step.octets];
        for (let next = dialog.steps[i + 1]; next?.kind === 'send'; next = dialog.steps[i + 1]) {
          octets.push(next.octets);
          i++;
        }
        const all = Buffer.concat(octets);
        transcript.push(`> ${all.toString('latin1').slice(0, 200)}`);
        await wire.send(all);
      } else if (step.kind === 'close') {
        wire.close();
        wire = await open();
      } else await playStep(step, wire, target, transcript);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\n--- what was said:\n${transcript.join('\n')}`);
  } finally {
    wire.close();
  }
}

async function playStep(
  step: Exclude<Step, { kind: 'send' | 'close' }>,
  wire: Wire,
  target: DialogTarget,
  transcript: string[],
): Promise<void> {
  switch (step.kind) {
    case 'expect':
      return expectLine(step, wire, transcript);
    case 'tls':
      return wire.upgrade();
    case 'pause':
      return sleep(PAUSE);
    case 'login':
      return login(wire, target.variables, transcript);
    case 'closed': {
      const line = await wire.line();
      if (line !== null)
        throw new Error(`line ${step.lineNumber}: expected the server to close, got: ${line}`);
      return;
    }
    case 'queued': {
      const count = await target.countQueued(step.reversePath);
      if (count !== step.count)
        throw new Error(`line ${step.lineNumber}: ${step.source}: there are ${count}`);
      return;
    }
    default:
      step satisfies never;
  }
}

async function expectLine(
  step: Readonly<{ pattern: string; lineNumber: number }>,
  wire: Wire,
  transcript: string[],
): Promise<void> {
  const many = /^\d{3}-\*$/.test(step.pattern);
  for (let seen = 0; ; seen++) {
    const line = await wire.line();
    // The first line that is no continuation belongs to the expectation after this one.
    if (many && seen > 0 && line !== null && !matches(line, step.pattern)) return wire.unread(line);
    transcript.push(`< ${line ?? '(closed)'}`);
    if (line === null || !matches(line, step.pattern)) {
      throw new Error(`line ${step.lineNumber}: expected "${step.pattern}", got "${line ?? '(closed)'}"`);
    }
    if (!many) return;
  }
}

async function login(wire: Wire, variables: Variables, transcript: string[]): Promise<void> {
  const say = async (text: string, code: string) => {
    if (text !== '') await wire.send(`${text}\r\n`);
    const reply = await wire.reply();
    transcript.push(`< ${reply.join(' | ')}`);
    if (!reply[0]?.startsWith(code)) throw new Error(`login: ${text.slice(0, 10)} got ${reply.join(' | ')}`);
    return reply;
  };
  await say('', '220');
  const offered = await say('EHLO client.example', '250');
  if (offered.some(line => line.endsWith('STARTTLS'))) {
    await say('STARTTLS', '220');
    await wire.upgrade();
    await say('EHLO client.example', '250');
  }
  await say(`AUTH PLAIN ${variables['plain'] ?? ''}`, '235');
}

function matches(line: string, pattern: string): boolean {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`).test(line);
}

/** `{{name}}` is a variable, `{{A*12}}` twelve times A. */
function substitute(text: string, variables: Variables): string {
  return text.replace(/\{\{(.+?)\}\}/g, (whole, inside: string) => {
    const repeat = /^(.+)\*(\d+)$/.exec(inside);
    if (repeat) return (repeat[1] ?? '').repeat(Number(repeat[2]));
    const value = variables[inside];
    if (value === undefined) throw new Error(`unknown variable ${whole}`);
    return value;
  });
}

/** `\r \n \t \0 \\ \xHH`; everything else is UTF-8. */
function octetsOf(text: string): Buffer {
  const parts = text.split(/(\\(?:[rnt0\\]|x[0-9a-fA-F]{2}))/);
  const simple: Readonly<Record<string, number>> = { r: 13, n: 10, t: 9, '0': 0, '\\': 92 };
  return Buffer.concat(
    parts.map((part, i) => {
      if (i % 2 === 0) return Buffer.from(part, 'utf8');
      const octet = part[1] === 'x' ? Number.parseInt(part.slice(2), 16) : simple[part[1] ?? ''];
      return Buffer.from([octet ?? 0]);
    }),
  );
}
