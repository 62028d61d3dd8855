// `upstream test`: goes through everything that a delivery needs up to the login, and says for each step in plain
// words how it went and what to do. No mail is sent. Steps after the first failure are left out: they were not tried.

import type { Clock, EpochMs } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import type { UpstreamFault } from '../queue/outcome.ts';
import type { Capabilities } from './capabilities.ts';
import type { Credentials } from './credentials.ts';
import type { Address } from './drivers/open-socket.ts';
import { createSocketOpener } from './drivers/open-socket.ts';
import type { Security } from './drivers/security.ts';
import { securityOf } from './drivers/security.ts';
import type { Timeouts } from './drivers/smtp-connection.ts';
import type { DialOptions } from './drivers/smtp-dial.ts';
import { dialSmtp, lookAtCertificate, placeOf } from './drivers/smtp-dial.ts';
import { DEFAULT_TIMEOUTS } from './drivers/smtp-driver.ts';
import { createTrust } from './drivers/trust.ts';
import { classifySetup } from './setup-fault.ts';
import type { Upstream } from './upstream.ts';
import { ehloNameFor } from './upstream.ts';

export type UpstreamCheck = Readonly<{
  name: 'name' | 'connection' | 'tls' | 'capabilities' | 'login';
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
}>;

const DAY = 86_400_000;

/** Never rejects. Takes at most the time-outs. */
export async function testUpstream(options: UpstreamTestOptions): Promise<UpstreamTestResult> {
  const { upstream, credentials, clock, timeouts = DEFAULT_TIMEOUTS } = options;
  const opener = createSocketOpener();
  const found = await opener.find(upstream.host, timeouts.connect);
  if (found.kind === 'failed') {
    const { code: errorCode, message } = found;
    const trouble = { stage: 'connect', reply: null, errorCode, message, certificateNames: [] } as const;
    return result([{ name: 'name', ok: false, text: classifySetup(trouble, placeOf(upstream)).text }]);
  }
  const named = { name: 'name', ok: true, text: addressesText(upstream.host, found.addresses) } as const;

  const dial: DialOptions = {
    upstream,
    credentials,
    ehloName: ehloNameFor(upstream.ehloName, options.hostname),
    timeouts,
    opener,
    trust: createTrust(),
    random: options.random,
    signal: new AbortController().signal,
  };
  const dialled = await dialSmtp(dial);
  if (dialled.kind === 'open') {
    const { connection, capabilities, mechanism } = dialled;
    const checks = greetedChecks(upstream, { capabilities, security: securityOf(connection) }, clock);
    connection.leave();
    return result([named, ...checks, { name: 'login', ok: true, text: loginText(upstream, mechanism) }]);
  }
  const { fault, greeted } = dialled;
  if (greeted !== null) {
    const login = { name: 'login', ok: false, text: withReply(fault) } as const;
    return result([named, ...greetedChecks(upstream, greeted, clock), login]);
  }
  if (fault.kind !== 'tls') return result([named, { name: 'connection', ok: false, text: withReply(fault) }]);
  const seen = await lookAtCertificate(dial);
  const text = seen === null ? withReply(fault) : `${withReply(fault)} ${certificateText(seen)}`;
  return result([named, connectedCheck(upstream), { name: 'tls', ok: false, text }]);
}

function result(checks: readonly UpstreamCheck[]): UpstreamTestResult {
  return { ok: checks.every(check => check.ok), checks };
}

function greetedChecks(
  upstream: Upstream,
  greeted: Readonly<{ capabilities: Capabilities; security: Security | null }>,
  clock: Clock,
): readonly UpstreamCheck[] {
  return [
    connectedCheck(upstream),
    { name: 'tls', ok: true, text: tlsText(greeted.security, clock.now()) },
    { name: 'capabilities', ok: true, text: capabilitiesText(greeted.capabilities) },
  ];
}

function connectedCheck({ host, port }: Upstream): UpstreamCheck {
  return { name: 'connection', ok: true, text: `${host} answers on port ${port}.` };
}

function addressesText(host: string, addresses: readonly Address[]): string {
  const list = addresses.map(({ address }) => address).join(', ');
  return list === host ? `${host} is an address.` : `${host} is ${list}.`;
}

function tlsText(security: Security | null, now: EpochMs): string {
  if (security === null) return 'No TLS: everything can be read on the way.';
  const daysLeft = Math.floor((security.validTo - now) / DAY);
  const soon = daysLeft < 14 ? ` It expires in ${daysLeft} days.` : '';
  return `${security.protocol}, and the certificate is trusted. ${certificateText(security)}${soon}`;
}

function certificateText({ names, issuer, validFrom, validTo }: Security): string {
  const shown = names.length > 6 ? `${names.slice(0, 6).join(', ')} …` : names.join(', ');
  return `It is for ${shown || 'no name'}, issued by ${issuer}, valid from ${day(validFrom)} to ${day(validTo)}.`;
}

function capabilitiesText(capabilities: Capabilities): string {
  const { maxSize, mechanisms } = capabilities;
  const size = maxSize === null ? 'no stated limit' : `${(maxSize / 1_048_576).toFixed(1)} MiB`;
  const offered = [
    ...(capabilities.eightBitMime ? ['8BITMIME'] : []),
    ...(capabilities.smtputf8 ? ['SMTPUTF8'] : []),
    ...(capabilities.pipelining ? ['PIPELINING'] : []),
    ...(capabilities.dsn ? ['DSN'] : []),
    ...(capabilities.requireTls ? ['REQUIRETLS'] : []),
    ...(mechanisms.length === 0 ? [] : [`AUTH ${mechanisms.join(' ')}`]),
  ];
  return `Largest message: ${size}. Offers ${offered.join(', ') || 'no extensions that matter here'}.`;
}

function loginText({ user }: Upstream, mechanism: string | null): string {
  if (user === null || mechanism === null) return 'No login is set, and none was tried.';
  return `The login as ${user} is accepted (${mechanism}).`;
}

function withReply({ text, reply }: UpstreamFault): string {
  return reply === null ? text : `${text} It said: ${reply}`;
}

function day(time: EpochMs): string {
  return Number.isFinite(time) ? new Date(time).toISOString().slice(0, 10) : 'an unknown day';
}
