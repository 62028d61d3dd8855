// `upstream test`: goes through everything that a delivery needs, and says for each step in plain words how it went and what to
// do: name, connection, TLS, capabilities, login, sender; and, where it is asked for, a message. Steps after the first failure
// are left out: they were not tried. Without `sendTo` no mail is sent.

import type { Clock } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import { sendingApiOf } from './apis/apis.ts';
import type { Credentials } from './credentials.ts';
import { createSocketOpener } from './drivers/open-socket.ts';
import type { Timeouts } from './drivers/smtp-connection.ts';
import { placeOf } from './drivers/smtp-dial.ts';
import { DEFAULT_TIMEOUTS } from './drivers/smtp-driver.ts';
import { createTrust } from './drivers/trust.ts';
import { senderOf } from './identity.ts';
import { classifySetup } from './setup-fault.ts';
import type { Upstream } from './upstream.ts';
import { testApi } from './upstream-test-api.ts';
import { testMail } from './upstream-test-mail.ts';
import { testSmtp } from './upstream-test-smtp.ts';
import { addressesText } from './upstream-test-words.ts';

export type UpstreamCheck = Readonly<{
  name: 'name' | 'connection' | 'tls' | 'capabilities' | 'login' | 'sender' | 'mail';
  ok: boolean;
  text: string;
}>;

export type UpstreamTestResult = Readonly<{ ok: boolean; checks: readonly UpstreamCheck[] }>;

export type UpstreamTestOptions = Readonly<{
  upstream: Upstream;
  credentials: Credentials;
  /** This server's host name, for EHLO. */
  hostname: string;
  clock: Clock;
  random: RandomBytes;
  timeouts?: Timeouts;
  /** A message is sent there as well. */
  sendTo?: string;
  /** Whether the upstream takes this sender; without it, the one that its settings name. */
  sender?: string;
  /** Aborted: connections end at once, and what the test says does not matter. */
  signal?: AbortSignal;
}>;

/** Never rejects. Takes at most the time-outs. */
export async function testUpstream(options: UpstreamTestOptions): Promise<UpstreamTestResult> {
  const { upstream, timeouts = DEFAULT_TIMEOUTS, sendTo, signal = new AbortController().signal } = options;
  const opener = createSocketOpener();
  const found = await opener.find(upstream.host, timeouts.connect);
  if (found.kind === 'failed') {
    const { code: errorCode, message } = found;
    const trouble = { stage: 'connect', reply: null, errorCode, message, certificateNames: [] } as const;
    return result([{ name: 'name', ok: false, text: classifySetup(trouble, placeOf(upstream)).text }]);
  }
  const named = { name: 'name', ok: true, text: addressesText(upstream.host, found.addresses) } as const;
  const sender = options.sender ?? senderOf({ ...upstream, account: null });
  const steps = { ...options, timeouts, opener, trust: createTrust(), signal, sender };

  const api = sendingApiOf(upstream.scheme);
  const checks = api === null ? await testSmtp(steps) : await testApi(api, steps);
  const soFar = [named, ...checks];
  if (sendTo === undefined || soFar.some(check => !check.ok)) return result(soFar);
  return result([...soFar, await testMail({ ...steps, sendTo })]);
}

function result(checks: readonly UpstreamCheck[]): UpstreamTestResult {
  return { ok: checks.every(check => check.ok), checks };
}
