// The Received field that Postern puts on top of every message (RFC 5321 §4.4): who handed it over, how well protected, when.
// It names no recipient (a Bcc would show). What the client calls itself can never become a second field or a second clause.

import type { EpochMs } from '../clock.ts';
import { type ClientAddress, parseClientAddress } from '../smtp/address.ts';
import { formatDate } from './date.ts';

export type Handover = Readonly<{
  /** What the client said in EHLO or HELO, as it said it; empty when it said nothing. */
  helloName: string;
  /** Null when it is not known. */
  address: ClientAddress | null;
  /** Whether readers of the message may see the client's address (`received.client_address`). */
  showAddress: boolean;
  /** Name of the protocol (`TLSv1.3`) and IANA name of the cipher suite; null without TLS. */
  tls: Readonly<{ protocol: string; cipher: string }> | null;
  authenticated: boolean;
  /** The client said EHLO, not HELO. */
  extended: boolean;
  /** The client gave SMTPUTF8 with MAIL. */
  smtputf8: boolean;
}>;

export type Stamp = Readonly<{ hostname: string; id: string; receivedAt: EpochMs }>;

/** The field with its folds and its last CRLF; ASCII; no line over 78 octets unless a name is that long. */
export function formatReceived(handover: Handover, stamp: Stamp): string {
  const { address, showAddress, tls } = handover;
  const tcpInfo = showAddress && address ? ` (${address.literal})` : '';
  return [
    `Received: from ${clientName(handover)}${tcpInfo}`,
    `by ${stamp.hostname} with ${protocolName(handover)} id ${stamp.id}`,
    // RFC 8314 §4.3; an additional clause stands last (RFC 5321 §4.4, Opt-info).
    ...(tls ? [`tls ${atom(tls.cipher)} (${atom(tls.protocol)})`] : []),
  ]
    .join('\r\n\t')
    .concat(`;\r\n\t${formatDate(stamp.receivedAt)}\r\n`);
}

/** RFC 3848 and RFC 6531 §4.3. Whoever used TLS or AUTH speaks ESMTP, even after HELO. */
function protocolName({ tls, authenticated, extended, smtputf8 }: Handover): string {
  const base = smtputf8 ? 'UTF8SMTP' : extended || tls || authenticated ? 'ESMTP' : 'SMTP';
  return `${base}${tls ? 'S' : ''}${authenticated ? 'A' : ''}`;
}

/** A domain or an address literal (RFC 5321 §4.1.3), or `unknown`. An address is hidden wherever the client shows it. */
function clientName({ helloName, showAddress }: Handover): string {
  const address = parseClientAddress(helloName.replace(/^\[(?:ipv6:)?(.*)\]$/i, '$1'));
  if (address) return showAddress ? address.literal : 'unknown';
  return helloName === '' ? 'unknown' : atom(helloName);
}

/** Whatever is no atext or dot (RFC 5322 §3.2.3) becomes `?`: no comment, no clause, no line can be forged. */
function atom(text: string): string {
  return text.slice(0, 255).replace(/[^\w.!#$%&'*+/=?^`{|}~-]/gu, '?');
}
