// The steps of `upstream test` at a sending API, from the connection to the sender. Never rejects.

import type { SendingApi } from './apis/sending-api.ts';
import { checkApi } from './drivers/api-check.ts';
import { lookAtApiCertificate } from './drivers/api-dial.ts';
import type { UpstreamCheck } from './upstream-test.ts';
import { connectedCheck, type TestSteps } from './upstream-test-smtp.ts';
import { certificateText, senderNotAskedText, sizeText, tlsText, withReply } from './upstream-test-words.ts';

export async function testApi(api: SendingApi, steps: TestSteps): Promise<readonly UpstreamCheck[]> {
  const { upstream, clock, sender, sendTo } = steps;
  const checked = await checkApi({ ...steps, api, now: clock.now });
  if (checked.kind === 'fault') {
    const { fault } = checked;
    if (fault.kind !== 'tls') return [{ name: 'connection', ok: false, text: withReply(fault) }];
    const seen = await lookAtApiCertificate(steps);
    const text = seen === null ? withReply(fault) : `${withReply(fault)} ${certificateText(seen)}`;
    return [connectedCheck(upstream), { name: 'tls', ok: false, text }];
  }
  const { security, login } = checked;
  return [
    connectedCheck(upstream),
    { name: 'tls', ok: true, text: tlsText(security, clock.now()) },
    { name: 'capabilities', ok: true, text: capabilitiesText(api) },
    { name: 'login', ...login },
    ...(login.ok && sendTo === undefined ? [senderNotAsked(sender)] : []),
  ];
}

/** There is no request for it without a message. */
function senderNotAsked(sender: string | null): UpstreamCheck {
  return { name: 'sender', ok: true, text: senderNotAskedText(sender) };
}

function capabilitiesText({ title, largestMessage, mostRecipients, lateBounces }: SendingApi): string {
  const recipients = mostRecipients === null ? '' : ` ${recipientsText(mostRecipients)}`;
  return `${title}. Largest message: ${sizeText(largestMessage)}.${recipients} ${lateBounces}`;
}

function recipientsText(most: number): string {
  return most === 1 ? 'One recipient at a time.' : `At most ${most} recipients at a time.`;
}
