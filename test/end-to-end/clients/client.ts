// What the clients of these tests have in common: an independent program that is given an account and a message, as its
// users give them to it, and what came of it. No driver puts a password on a command line.

import type { Finished } from '../../support/process.ts';

export type Mechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';

export type Order = Readonly<{
  ports: Readonly<{ starttls: number; implicit: number }>;
  /** File of the CA to trust. */
  ca: string;
  /** A client that knows only STARTTLS uses that. */
  listener: 'starttls' | 'implicit';
  mechanism: Mechanism;
  name: string;
  /** The octets that the client is to use, UTF-8 or not; without line ends. */
  password: Uint8Array;
  recipient: string;
  /** ASCII. */
  subject: string;
  /** Address of 127.0.0.0/8 to connect from, where the client can choose. */
  from: string;
  /** For files that the client reads; the driver leaves them there. */
  folder: string;
}>;

export type Outcome =
  /** Logged in, and the message was accepted with 250. */
  | Readonly<{ kind: 'sent' }>
  /** 535 5.7.8. */
  | Readonly<{ kind: 'refused' }>
  /** The client itself gave up, before it sent anything that depends on the password. */
  | Readonly<{ kind: 'cannot'; reason: string }>
  | Readonly<{ kind: 'unexpected'; output: string }>;

export type Client = Readonly<{
  /** As the table names it. */
  name: string;
  mechanisms: readonly Mechanism[];
  submit: (order: Order) => Promise<Outcome>;
}>;

export type Signs = Readonly<{
  /** What the output shows when the message was accepted. */
  sent: RegExp;
  /** What it shows when the client gives up by itself, each with the reason for the table. */
  cannot?: readonly (readonly [RegExp, string])[];
}>;

/** Reads the outcome from what the client printed; anything that is not clear is unexpected. */
export function outcomeOf(done: Finished, signs: Signs): Outcome {
  const output = `${done.stdout}\n${done.stderr}`;
  if (output.includes('535 5.7.8 Authentication credentials invalid')) return { kind: 'refused' };
  const unable = signs.cannot?.find(([sign]) => sign.test(output));
  if (unable !== undefined) return { kind: 'cannot', reason: unable[1] };
  if (done.code === 0 && signs.sent.test(output)) return { kind: 'sent' };
  return { kind: 'unexpected', output: `exit code ${done.code}\n${output}` };
}

export function portOf({ ports, listener }: Order): string {
  return String(ports[listener]);
}

export const SENDER = 'client@sender.test';

/** The lines of the message, for clients that take a whole one. */
export function messageLines({ subject }: Order): readonly string[] {
  return [`From: <${SENDER}>`, `Subject: ${subject}`, '', 'sent by a client that others wrote'];
}
