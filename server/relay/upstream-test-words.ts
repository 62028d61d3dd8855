// What `upstream test` says of each step. Pure.

import type { EpochMs } from '../clock.ts';
import type { Outcome, UpstreamFault } from '../queue/outcome.ts';
import type { Capabilities } from './capabilities.ts';
import type { Address } from './drivers/open-socket.ts';
import type { Security } from './drivers/security.ts';
import type { Upstream } from './upstream.ts';

const DAY = 86_400_000;

export function addressesText(host: string, addresses: readonly Address[]): string {
  const list = addresses.map(({ address }) => address).join(', ');
  return list === host ? `${host} is an address.` : `${host} is ${list}.`;
}

export function tlsText(security: Security | null, now: EpochMs): string {
  if (security === null) return 'No TLS: everything can be read on the way.';
  const daysLeft = Math.floor((security.validTo - now) / DAY);
  const soon = daysLeft < 14 ? ` It expires in ${daysLeft} days.` : '';
  return `${security.protocol}, and the certificate is trusted. ${certificateText(security)}${soon}`;
}

export function certificateText({ names, issuer, validFrom, validTo }: Security): string {
  const shown = names.length > 6 ? `${names.slice(0, 6).join(', ')} …` : names.join(', ');
  return `It is for ${shown || 'no name'}, issued by ${issuer}, valid from ${day(validFrom)} to ${day(validTo)}.`;
}

export function capabilitiesText(capabilities: Capabilities): string {
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

export function loginText({ user }: Upstream, mechanism: string | null): string {
  if (user === null || mechanism === null) return 'No login is set, and none was tried.';
  return `The login as ${user} is accepted (${mechanism}).`;
}

/** What happened and what to do, and what the upstream said. */
export function withReply({ text, reply }: Pick<UpstreamFault, 'text' | 'reply'>): string {
  return reply === null ? text : `${text} It said: ${reply}`;
}

function day(time: EpochMs): string {
  return Number.isFinite(time) ? new Date(time).toISOString().slice(0, 10) : 'an unknown day';
}

export function sizeText(largest: number | null): string {
  return largest === null ? 'no stated limit' : `${(largest / 1_048_576).toFixed(1)} MiB`;
}

/** `wasSent`: a whole message follows, so that nothing is left open. */
export function senderTakenText(sender: string, { wasSent }: Readonly<{ wasSent: boolean }>): string {
  const open = wasSent
    ? ''
    : ' Some providers (Microsoft 365, Amazon SES) look at the sender only once a whole message has come: --send-to ADDRESS shows that.';
  return `It takes <${sender}> as sender.${open}`;
}

/** Null: nobody says as whom mail is sent there. */
export function senderNotAskedText(sender: string | null): string {
  return sender === null
    ? 'Not asked, because no sender is set and the user name is no address: --send-to ADDRESS --sender ADDRESS shows whether it takes one.'
    : `Whether it takes <${sender}> shows only with a message: --send-to ADDRESS sends one.`;
}

export function mailText(outcome: Outcome, sendTo: string): string {
  if (outcome.kind === 'relayed')
    return `A message to ${sendTo} was handed over. Look whether it arrives. It said: ${outcome.reply}`;
  return withReply(outcome);
}
