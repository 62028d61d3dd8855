// The steps of `upstream test` at a smart host, from the connection to the sender. Never rejects.

import { unsayable } from './attempt-envelope.ts';
import { classifyReply } from './classify.ts';
import type { SocketOpener } from './drivers/open-socket.ts';
import { securityOf } from './drivers/security.ts';
import type { Timeouts, UpstreamConnection } from './drivers/smtp-connection.ts';
import { type DialOptions, dialSmtp, type Greeted, lookAtCertificate } from './drivers/smtp-dial.ts';
import { createSmtpLine } from './drivers/smtp-line.ts';
import type { Trust } from './drivers/trust.ts';
import type { Upstream } from './upstream.ts';
import { ehloNameFor } from './upstream.ts';
import type { UpstreamCheck, UpstreamTestOptions } from './upstream-test.ts';
import {
  capabilitiesText,
  certificateText,
  loginText,
  senderNotAskedText,
  senderTakenText,
  tlsText,
  withReply,
} from './upstream-test-words.ts';

export type TestSteps = Omit<UpstreamTestOptions, 'sender' | 'timeouts' | 'signal'> &
  Readonly<{
    timeouts: Timeouts;
    opener: SocketOpener;
    trust: Trust;
    signal: AbortSignal;
    /** Null: nobody says as whom mail is sent there. */
    sender: string | null;
  }>;

export async function testSmtp(steps: TestSteps): Promise<readonly UpstreamCheck[]> {
  const { upstream } = steps;
  const dial: DialOptions = { ...steps, ehloName: ehloNameFor(upstream.ehloName, steps.hostname) };
  const dialled = await dialSmtp(dial);
  if (dialled.kind === 'open') {
    const { connection, capabilities, mechanism } = dialled;
    const greeted = greetedChecks({ capabilities, security: securityOf(connection) }, steps);
    const login = { name: 'login', ok: true, text: loginText(upstream, mechanism) } as const;
    return [...greeted, login, ...(await testSender(connection, steps))];
  }
  const { fault, greeted } = dialled;
  if (greeted !== null) {
    return [...greetedChecks(greeted, steps), { name: 'login', ok: false, text: withReply(fault) }];
  }
  // An access token is got before the upstream is connected to.
  if (fault.stage === 'auth') return [{ name: 'login', ok: false, text: withReply(fault) }];
  if (fault.kind !== 'tls') return [{ name: 'connection', ok: false, text: withReply(fault) }];
  const seen = await lookAtCertificate(dial);
  const text = seen === null ? withReply(fault) : `${withReply(fault)} ${certificateText(seen)}`;
  return [connectedCheck(upstream), { name: 'tls', ok: false, text }];
}

function greetedChecks(
  { capabilities, security }: Greeted,
  { upstream, clock }: TestSteps,
): readonly UpstreamCheck[] {
  return [
    connectedCheck(upstream),
    { name: 'tls', ok: true, text: tlsText(security, clock.now()) },
    { name: 'capabilities', ok: true, text: capabilitiesText(capabilities) },
  ];
}

export function connectedCheck({ host, port }: Upstream): UpstreamCheck {
  return { name: 'connection', ok: true, text: `${host} answers on port ${port}.` };
}

/** Asks by MAIL alone, and takes it back: nothing is sent. */
async function testSender(
  connection: UpstreamConnection,
  { upstream, sender, sendTo, timeouts }: TestSteps,
): Promise<readonly UpstreamCheck[]> {
  const isSayable = sender !== null && unsayable(sender, 'sender') === null && /^\p{ASCII}+$/u.test(sender);
  const socket = isSayable ? connection.handOver() : null;
  if (socket === null || sender === null) {
    connection.leave();
    return sendTo === undefined ? [{ name: 'sender', ok: true, text: senderNotAskedText(sender) }] : [];
  }
  const line = createSmtpLine(socket);
  line.patience(timeouts.command);
  line.write(`MAIL FROM:<${sender}>\r\n`);
  const answer = await line.reply();
  line.leave();
  if (answer.kind === 'lost') {
    const text = `${upstream.name} broke the connection when it heard the sender <${sender}> (${answer.detail}).`;
    return [{ name: 'sender', ok: false, text }];
  }
  const { reply } = answer;
  if (reply.code === 250) {
    return [{ name: 'sender', ok: true, text: senderTakenText(sender, { wasSent: sendTo !== undefined }) }];
  }
  const { outcome } = classifyReply('mail', reply, { upstream: upstream.name, reversePath: sender });
  const text = outcome.kind === 'relayed' ? reply.line : withReply(outcome);
  return [{ name: 'sender', ok: false, text }];
}
