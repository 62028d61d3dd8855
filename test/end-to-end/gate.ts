// The whole way for end-to-end tests: a Postern with one account, and a real Postfix behind it that keeps the mail.
// Sends nothing itself beyond `submit`, a plain client for tests whose subject is not the client.

import { readFileSync } from 'node:fs';
import {
  type Account,
  addAccount,
  addUpstream,
  type ConfigSections,
  type Installation,
  install,
  type Server,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import {
  DESTINATION,
  type PostfixUpstream,
  type PostfixUpstreamOptions,
  startPostfix,
} from '../support/upstream-postfix.ts';
import { openWire, type Wire } from '../support/wire.ts';

export type Gate = Readonly<{
  at: Installation;
  server: Server;
  postfix: PostfixUpstream;
  account: Account;
  /** Waits until a message with this text arrived at the far end, and returns it with LF line ends. */
  arrival: (text: string, timeout?: number) => Promise<Buffer>;
  close: () => Promise<void>;
}>;

/** What a client needs to log in. */
export type Access = Pick<Gate, 'at' | 'account'>;

/** Names and passwords as people choose them: not ASCII, with what shells and JSON trip over. */
export const NAME = 'küche-scanner';
export const PASSWORD = 'MiPasw0rd$Ñ #"\\ €';

export async function openGate(
  sections: ConfigSections = {},
  upstream: PostfixUpstreamOptions = {},
): Promise<Gate> {
  const postfix = await startPostfix(upstream);
  const at = await install(sections);
  try {
    return await join(postfix, at);
  } catch (error) {
    await at.remove();
    await postfix.stop();
    throw error;
  }
}

async function join(postfix: PostfixUpstream, at: Installation): Promise<Gate> {
  const account = await addAccount(at, NAME, PASSWORD);
  await addUpstream(at, 'postfix', {
    url: `smtp+starttls://${postfix.user}@localhost:${postfix.ports.starttls}`,
    password: postfix.password,
    ca: postfix.ca,
  });
  const server = await at.serve();
  return {
    at,
    server,
    postfix,
    account,
    arrival: (text, timeout = 30_000) =>
      waitFor(
        `a message with "${text}" at the far end`,
        () => postfix.delivered().find(message => message.includes(text)),
        timeout,
      ),
    close: async () => {
      await at.remove();
      await postfix.stop();
    },
  };
}

export type Submission = Readonly<{
  from?: string;
  to?: readonly string[];
  /** Octets with CRLF line ends, not dot-stuffed, ending with CRLF. */
  message: Uint8Array;
  parameters?: string;
}>;

/** Submits one message over implicit TLS and returns the reply to the end of data; throws at an earlier refusal. */
export async function submit(gate: Access, submission: Submission): Promise<string> {
  const wire = await login(gate);
  try {
    await say(
      wire,
      `MAIL FROM:<${submission.from ?? 'scanner@sender.test'}>${submission.parameters ?? ''}`,
      '250',
    );
    for (const to of submission.to ?? [`someone@${DESTINATION}`]) await say(wire, `RCPT TO:<${to}>`, '250');
    await say(wire, 'DATA', '354');
    await wire.send(dotStuffed(submission.message));
    await wire.send('.\r\n');
    const reply = await wire.reply();
    await say(wire, 'QUIT', '221');
    return reply.join('\n');
  } finally {
    wire.close();
  }
}

/** A session that is logged in with the gate's account. */
export async function login(gate: Access): Promise<Wire> {
  const wire = await openWire({
    port: gate.at.ports.implicit,
    ca: readFileSync(gate.at.ca, 'utf8'),
    implicitTls: true,
    timeout: 60_000,
  });
  await say(wire, '', '220');
  await say(wire, 'EHLO scanner.example', '250');
  await say(wire, `AUTH PLAIN ${plainToken(gate.account)}`, '235');
  return wire;
}

export function plainToken(account: Account): string {
  return Buffer.from(`\0${account.name}\0${account.password}`, 'utf8').toString('base64');
}

/** Sends a line (nothing when empty) and expects a reply with that code. */
export async function say(wire: Wire, line: string, code: string): Promise<readonly string[]> {
  if (line !== '') await wire.send(`${line}\r\n`);
  const reply = await wire.reply();
  if (!reply[0]?.startsWith(code))
    throw new Error(`${line || 'connecting'}: expected ${code}, got ${reply.join(' | ')}`);
  return reply;
}

/** RFC 5321 §4.5.2: a dot at the start of a line is doubled. */
function dotStuffed(message: Uint8Array): Buffer {
  const text = Buffer.from(message).toString('latin1');
  return Buffer.from(text.replace(/^\./gm, '..'), 'latin1');
}
