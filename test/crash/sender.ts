// Clients that send until the server is gone, and remember exactly what was acknowledged with 250.
// Each message carries a unique X-Load-Id, which the sink records, and a body whose length is remembered.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from '../support/postern.ts';
import { openWire, type Wire } from '../support/wire.ts';
import { between, type Random } from './random.ts';

export type Acknowledged = Readonly<{
  loadId: string;
  recipients: number;
  bodySize: number;
  queueId: string;
}>;

export type SenderOptions = Readonly<{
  port: number;
  ca: string;
  account: Account;
  clients: number;
  /** Starts each X-Load-Id. */
  tag: string;
  random: Random;
  /** How many of the messages are large; an eighth unless told otherwise. */
  bigShare?: number;
  /** Milliseconds to wait for a server that does not listen yet. */
  patience: number;
  /** Called for each 250, as it is read. */
  onAcknowledged: (message: Acknowledged) => void;
}>;

export type Sender = Readonly<{
  /** Lets every client end after the message it is at. */
  stop: () => void;
  /** When all have ended, by stop or because the server is gone. */
  ended: Promise<void>;
}>;

/** Messages per session before a client reconnects, as devices do. */
const PER_SESSION = 12;
const BIG_SHARE = 0.12;

export function startSender(options: SenderOptions): Sender {
  let stopped = false;
  const isStopped = () => stopped;
  const clients = Array.from({ length: options.clients }, (_, i) =>
    sendUntilGone({ ...options, tag: `${options.tag}.${i}` }, isStopped),
  );
  return {
    stop: () => {
      stopped = true;
    },
    ended: Promise.all(clients).then(() => {}),
  };
}

async function sendUntilGone(options: SenderOptions, isStopped: () => boolean): Promise<void> {
  let sent = 0;
  const giveUp = performance.now() + options.patience;
  while (!isStopped() && performance.now() < giveUp) {
    try {
      const wire = await openWire({ ...options, implicitTls: true, timeout: 10_000 });
      try {
        await logIn(wire, options.account);
        for (let i = 0; i < PER_SESSION && !isStopped(); i++) {
          await sendOne(wire, `${options.tag}.${sent++}`, options);
        }
        await expectReply(wire, 'QUIT\r\n', '221');
      } finally {
        wire.close();
      }
    } catch {
      // Not listening yet, or killed: the caller says when to stop.
      await sleep(20);
    }
  }
}

async function logIn(wire: Wire, account: Account): Promise<void> {
  const token = Buffer.from(`\0${account.name}\0${account.password}`).toString('base64');
  await expectReply(wire, '', '220');
  await expectReply(wire, 'EHLO crash.example\r\n', '250');
  await expectReply(wire, `AUTH PLAIN ${token}\r\n`, '235');
}

async function sendOne(wire: Wire, loadId: string, options: SenderOptions): Promise<void> {
  const big = options.random() < (options.bigShare ?? BIG_SHARE);
  const lines = Math.floor(big ? between(options.random, 1000, 6000) : between(options.random, 1, 100));
  const body = `${'x'.repeat(76)}\r\n`.repeat(lines);
  const recipients = options.random() < 0.2 ? 3 : 1;
  await expectReply(wire, 'MAIL FROM:<crash@sender.test>\r\n', '250');
  for (let i = 0; i < recipients; i++) await expectReply(wire, `RCPT TO:<r${i}@destination.test>\r\n`, '250');
  await expectReply(wire, 'DATA\r\n', '354');
  const header = `From: <crash@sender.test>\r\nSubject: crash\r\nX-Load-Id: ${loadId}\r\n\r\n`;
  const reply = await expectReply(wire, `${header}${body}.\r\n`, '250');
  const queueId = /queued as (\S+)/.exec(reply)?.[1] ?? '';
  options.onAcknowledged({ loadId, recipients, bodySize: body.length, queueId });
}

async function expectReply(wire: Wire, text: string, code: string): Promise<string> {
  if (text !== '') await wire.send(text);
  const reply = (await wire.reply()).join('\n');
  if (!reply.startsWith(code)) throw new Error(`expected ${code}, got ${reply || '(closed)'}`);
  return reply;
}
