// One authenticated SMTP connection that carries messages, one after the other. A session that cannot be trusted to be in
// step any more closes itself.

import type { Readable } from 'node:stream';
import type { DurationMs } from '../../clock.ts';
import { createConversion } from '../../message/downgrade.ts';
import type { Capabilities } from '../capabilities.ts';
import { createBodyStream } from './body-stream.ts';
import { messageDeadline } from './message-deadline.ts';
import type { Parcel, Sent, Session } from './session.ts';
import type { SmtpLine } from './smtp-line.ts';
import { type Body, type Patience, transact } from './smtp-transaction.ts';

export type SessionOptions = Readonly<{ capabilities: Capabilities; tls: boolean; patience: Patience }>;

/** Somebody waits for the outcome meanwhile; a new connection is cheaper than a long wait. */
const RESET_DEADLINE: DurationMs = 10_000;

export function createSmtpSession(line: SmtpLine, options: SessionOptions): Session {
  const { capabilities, tls } = options;
  return {
    capabilities,
    tls,
    recipientsFrom: 'envelope',
    usable: line.usable,
    send: parcel => send(line, parcel, options),
    reset: () => reset(line),
    quit: line.leave,
    close: () => line.cut('closed by Postern'),
  };
}

async function send(line: SmtpLine, parcel: Parcel, options: SessionOptions): Promise<Sent> {
  const { capabilities, patience } = options;
  const opened: Readable[] = [];
  const deadline = setTimeout(() => line.cut('the message took too long'), messageDeadline(parcel.size));
  parcel.onPhase('envelope');
  try {
    const openBody = (onRead: () => void) => openContent(parcel, onRead, opened);
    const sent = await transact({ line, capabilities, message: parcel, patience, openBody });
    if (sent.kind === 'lost' || sent.kind === 'unreadable') line.cut('closed by Postern');
    return sent;
  } finally {
    clearTimeout(deadline);
    for (const stream of opened) stream.destroy();
  }
}

/** What was opened is added to `opened`. */
function openContent({ content, plan }: Parcel, onRead: () => void, opened: Readable[]): Body {
  if (content.kind === 'octets') return content.octets;
  const conversion = plan === null ? null : createConversion(plan);
  const file = content.open();
  const body = createBodyStream(content, onRead, conversion);
  opened.push(file, body);
  file.on('error', error => body.destroy(error));
  file.pipe(body);
  return body;
}

async function reset(line: SmtpLine): Promise<boolean> {
  if (!line.usable()) return false;
  const deadline = setTimeout(() => line.cut('no answer to RSET'), RESET_DEADLINE);
  line.write('RSET\r\n');
  const answer = await line.reply();
  clearTimeout(deadline);
  return answer.kind === 'reply' && answer.reply.code === 250;
}
