// The message of `upstream test --send-to`: goes out by the very way of a delivery, senders rewritten as the upstream's settings
// say, and is never in the queue: what becomes of it is told at once.

import { formatDate } from '../message/date.ts';
import type { DeliveryRequest } from '../queue/delivery.ts';
import { attempt } from './attempt.ts';
import { createDriver } from './drivers/drivers.ts';
import { createSendAsPermitted } from './identity-delivery.ts';
import { createPool } from './pool.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamCheck } from './upstream-test.ts';
import type { TestSteps } from './upstream-test-smtp.ts';
import { mailText } from './upstream-test-words.ts';

const noSender = ({ name }: Upstream) =>
  `Nobody says as whom to send: the user name is no address, and no sender is set. Add --sender ADDRESS to this command, or set one for good with \`postern upstream set ${name} --sender ADDRESS\`.`;

/** Never rejects. */
export async function testMail(steps: TestSteps & Readonly<{ sendTo: string }>): Promise<UpstreamCheck> {
  const { upstream, credentials, sender, sendTo, hostname, clock, random, timeouts, signal } = steps;
  if (sender === null) return { name: 'mail', ok: false, text: noSender(upstream) };
  const driver = createDriver({ hostname, random, clock, timeouts });
  const pool = createPool();
  const sendAsPermitted = createSendAsPermitted({
    mappedRecipient: () => null,
    log: () => undefined,
    raise: () => undefined,
  });
  const id = Buffer.from(random(9)).toString('base64url');
  const { outcomes } = await sendAsPermitted(requestFor(steps, { id, sender }), upstream, permitted =>
    attempt(permitted, {
      upstream: upstream.name,
      pool,
      dial: () => driver.dial(upstream, credentials, signal),
    }),
  );
  pool.retire();
  const [outcome] = outcomes;
  if (outcome === undefined) return { name: 'mail', ok: false, text: 'The message had no recipient.' };
  return { name: 'mail', ok: outcome.kind === 'relayed', text: mailText(outcome, sendTo) };
}

function requestFor(
  { upstream, sendTo, hostname, clock }: TestSteps & Readonly<{ sendTo: string }>,
  { id, sender }: Readonly<{ id: string; sender: string }>,
): DeliveryRequest {
  const octets = Buffer.from(
    [
      `From: Postern <${sender}>`,
      `To: <${sendTo}>`,
      'Subject: Test from Postern',
      `Date: ${formatDate(clock.now())}`,
      `Message-ID: <test.${id}@${hostname}>`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      'Auto-Submitted: auto-generated',
      '',
      `Postern on ${hostname} sent this message through the upstream "${upstream.name}".`,
      'If you can read it, mail from your devices can take the same way.',
      '',
    ].join('\r\n'),
  );
  const isAscii = octets.every(octet => octet < 0x80);
  return {
    upstreamId: upstream.id,
    messageId: `test-${id}`,
    kind: 'mail',
    account: null,
    reversePath: sender,
    forwardPaths: [sendTo],
    bodyType: isAscii ? '7bit' : '8bitmime',
    smtputf8: /\P{ASCII}/u.test(sender + sendTo),
    size: octets.length,
    content: { kind: 'octets', octets },
    dsn: null,
    requireTls: false,
    onPhase: () => undefined,
  };
}
