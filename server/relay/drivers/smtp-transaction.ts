// One message over one line: MAIL, RCPT, DATA, the body, the final dot (RFC 5321 §3.3), with all commands in one write where
// the upstream offers PIPELINING (RFC 2920). Says what was answered to each recipient, or where the line broke; judging it
// is classify.ts's. A line that cannot be trusted to be in step any more is cut: an answer to one thing must never be taken
// for the answer to another.

import type { Readable } from 'node:stream';
import type { DurationMs } from '../../clock.ts';
import type { Stage } from '../../queue/outcome.ts';
import type { Capabilities } from '../capabilities.ts';
import type { RemoteReply } from '../remote-reply.ts';
import { dotStuffed } from './dot-stuffing.ts';
import { mailParameters, recipientParameters } from './envelope-parameters.ts';
import type { Outgoing, Refusals, Sent, TransactionStage } from './session.ts';
import type { Answer, Lost, SmtpLine } from './smtp-line.ts';

/** The octets as they are, or a stream of them as they must be on the wire, with the final dot (body-stream.ts). */
export type Body = Uint8Array | Readable;

export type Patience = Readonly<{ command: DurationMs; finalReply: DurationMs }>;

type Dialogue = Readonly<{
  line: SmtpLine;
  capabilities: Capabilities;
  message: Outgoing;
  patience: Patience;
  /** Called when the upstream waits for it. A stream calls `onRead` before its final dot leaves. */
  openBody: (onRead: () => void) => Body;
}>;

type Envelope = Readonly<{ kind: 'go-on'; refusals: Refusals }> | Sent;

export async function transact(dialogue: Dialogue): Promise<Sent> {
  const { line, capabilities, patience } = dialogue;
  // Something has come that was not asked for, such as a 421 to an idle connection.
  if (!line.usable()) return outOfStep(line, 'mail', 'the connection was not usable any more', false);
  line.patience(patience.command);
  const envelope = await (capabilities.pipelining ? allAtOnce(dialogue) : oneByOne(dialogue));
  return envelope.kind === 'go-on' ? sendBody(dialogue, envelope.refusals) : envelope;
}

function mailLine({ message, capabilities }: Dialogue): string {
  return `MAIL FROM:<${message.reversePath}>${mailParameters(message, capabilities)}\r\n`;
}

function rcptLine({ path, dsn }: Outgoing['recipients'][number], capabilities: Capabilities): string {
  return `RCPT TO:<${path}>${recipientParameters(dsn, capabilities)}\r\n`;
}

async function allAtOnce(dialogue: Dialogue): Promise<Envelope> {
  const { line, message, capabilities } = dialogue;
  const rcpt = message.recipients.map(recipient => rcptLine(recipient, capabilities));
  line.write(`${mailLine(dialogue)}${rcpt.join('')}DATA\r\n`);
  const mail = await line.reply();
  if (mail.kind === 'lost') return lost('mail', mail, false);
  const recipients = await readRecipients(dialogue, () => line.reply());
  // The answers to what was sent along with a refused MAIL say only that there was none; they are heard to stay in step.
  if (!isSuccess(mail.reply)) return endAfterMail(line, mail.reply, recipients);
  if (recipients.kind !== 'refusals') return recipients;
  const data = await line.reply();
  if (recipients.refusals.size < message.recipients.length) return judgeData(line, data, recipients.refusals);
  await endWithoutRecipients(line, data);
  return { kind: 'no-recipients', refusals: recipients.refusals };
}

async function oneByOne(dialogue: Dialogue): Promise<Envelope> {
  const { line, message, capabilities } = dialogue;
  line.write(mailLine(dialogue));
  const mail = await line.reply();
  if (mail.kind === 'lost') return lost('mail', mail, false);
  if (!isSuccess(mail.reply)) return refused(line, 'mail', mail.reply, NOBODY);
  const recipients = await readRecipients(dialogue, position => {
    const recipient = message.recipients[position];
    if (recipient !== undefined) line.write(rcptLine(recipient, capabilities));
    return line.reply();
  });
  if (recipients.kind !== 'refusals') return recipients;
  const { refusals } = recipients;
  if (refusals.size === message.recipients.length) return { kind: 'no-recipients', refusals };
  line.write('DATA\r\n');
  return judgeData(line, await line.reply(), refusals);
}

type Recipients = Readonly<{ kind: 'refusals'; refusals: Refusals }> | Sent;

async function readRecipients(
  { line, message }: Dialogue,
  ask: (position: number) => Promise<Answer>,
): Promise<Recipients> {
  const refusals = new Map<number, RemoteReply>();
  for (const position of message.recipients.keys()) {
    const answer = await ask(position);
    if (answer.kind === 'lost') return lost('rcpt', answer, true);
    if (isSuccess(answer.reply)) continue;
    // 421 ends the connection, and nonsense the trust in it: what was said speaks for all that were not refused before.
    if (!isRefusal(answer.reply) || answer.reply.code === 421) {
      return refused(line, 'rcpt', answer.reply, refusals);
    }
    refusals.set(position, answer.reply);
  }
  return { kind: 'refusals', refusals };
}

async function endAfterMail(line: SmtpLine, reply: RemoteReply, recipients: Recipients): Promise<Sent> {
  if (recipients.kind === 'refusals' && isRefusal(reply) && reply.code !== 421) {
    const data = await line.reply();
    // A server without a transaction that takes DATA all the same waits for a message; it gets none.
    if (data.kind === 'reply' && !isRefusal(data.reply)) line.cut('DATA without a sender was taken');
  } else {
    line.cut('out of step after MAIL');
  }
  return { kind: 'refused', stage: 'mail', reply, refusals: NOBODY };
}

/** RFC 2920 §3.1: a server that goes on without a recipient gets an empty message, which goes to nobody. */
async function endWithoutRecipients(line: SmtpLine, data: Answer): Promise<void> {
  if (data.kind === 'lost') return;
  if (is354(data.reply)) {
    line.write('.\r\n');
    await line.reply();
  } else if (!isRefusal(data.reply) || data.reply.code === 421) {
    line.cut('out of step after DATA');
  }
}

function judgeData(line: SmtpLine, data: Answer, refusals: Refusals): Envelope {
  if (data.kind === 'lost') return lost('data', data, true);
  // Only 354 asks for the message: to a server that stays with commands, its lines would be commands.
  return is354(data.reply) ? { kind: 'go-on', refusals } : refused(line, 'data', data.reply, refusals);
}

async function sendBody({ line, message, patience, openBody }: Dialogue, refusals: Refusals): Promise<Sent> {
  message.onPhase('body');
  // From here on a silence is ambiguous: every octet, the final dot included, may have left.
  let isRead = false;
  const onRead = () => {
    isRead = true;
    line.patience(patience.finalReply);
    message.onPhase('awaiting-reply');
  };
  const body = openBody(onRead);
  const answer = body instanceof Uint8Array ? writeWhole(line, body) : writePieces(line, body);
  if (body instanceof Uint8Array) onRead();
  const heard = await answer;
  if (heard.kind === 'unreadable') return heard;
  if (heard.kind === 'lost') return { ...lost('body', heard, true), bodyConsumed: isRead };
  return judgeEnd(line, heard.reply, refusals, isRead);
}

function judgeEnd(line: SmtpLine, reply: RemoteReply, refusals: Refusals, bodyConsumed: boolean): Sent {
  if (isRefusal(reply)) {
    // A refusal before the end of the body leaves the rest of it in the pipe.
    if (!bodyConsumed) line.cut('refused in the middle of the message');
    return refused(line, 'body', reply, refusals);
  }
  if (!isSuccess(reply)) return outOfStep(line, 'body', `answered "${reply.line}"`, bodyConsumed);
  // A success before the end of the message is none: nothing that we sent was answered by it.
  if (!bodyConsumed) return outOfStep(line, 'body', 'answered before the end of the message', false);
  return { kind: 'accepted', reply, refusals };
}

/** One write for body and final dot: two would cost a system call and a TLS record more for each message. */
function writeWhole(line: SmtpLine, octets: Uint8Array): Promise<Answer> {
  line.write(dotStuffed(octets));
  return line.reply();
}

type Unreadable = Extract<Sent, { kind: 'unreadable' }>;

function writePieces(line: SmtpLine, stream: Readable): Promise<Answer | Unreadable> {
  const unreadable = new Promise<Unreadable>(resolve => {
    stream.once('error', error => {
      resolve({ kind: 'unreadable', detail: error.message });
      line.cut('the stored message could not be read');
    });
  });
  stream.pipe(line.socket, { end: false });
  return Promise.race([unreadable, line.reply()]);
}

/** A line on which a refusal leaves nothing open stays usable. */
function refused(line: SmtpLine, stage: TransactionStage, reply: RemoteReply, refusals: Refusals): Sent {
  if (!isRefusal(reply) || reply.code === 421) line.cut('refused, and not usable any more');
  return { kind: 'refused', stage, reply, refusals };
}

function lost(stage: Stage, { detail }: Lost, answered: boolean): Extract<Sent, { kind: 'lost' }> {
  return { kind: 'lost', stage, detail, bodyConsumed: false, answered };
}

function outOfStep(line: SmtpLine, stage: Stage, detail: string, bodyConsumed: boolean): Sent {
  line.cut(detail);
  return { kind: 'lost', stage, detail, bodyConsumed, answered: stage !== 'mail' };
}

const NOBODY: Refusals = new Map();

function isSuccess({ code }: RemoteReply): boolean {
  return code !== null && code >= 200 && code < 300;
}

function isRefusal({ code }: RemoteReply): boolean {
  return code !== null && code >= 400;
}

function is354({ code }: RemoteReply): boolean {
  return code === 354;
}
