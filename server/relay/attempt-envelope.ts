// The envelope of a message as one upstream can take it. Without SMTPUTF8 (RFC 6531 §3.2) domains are written in A-labels,
// and only the recipients are lost that have no form in ASCII. REQUIRETLS (RFC 8689) is passed on or the message is not:
// a promise that cannot be kept is not made. The field `TLS-Required: No` (§5) asks for less than every upstream of ours
// gets, since each is verified whatever a message says, or is one for which the operator gave that up: it is neither
// needed nor removed. Pure.

import { asciiPath } from '../message/downgrade-path.ts';
import type { DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome } from '../queue/outcome.ts';
import type { RecipientDsn } from '../smtp/dsn-parameters.ts';
import { NO_RECIPIENT_DSN } from '../smtp/dsn-parameters.ts';
import type { Capabilities } from './capabilities.ts';

export type FittedRecipient = Readonly<{
  /** In the request. */
  position: number;
  path: string;
  dsn: RecipientDsn;
}>;

export type FittedEnvelope = Readonly<{
  kind: 'fitted';
  reversePath: string;
  /** Those that can be said there, in the order of the request. */
  recipients: readonly FittedRecipient[];
  /** What becomes of the others, by their position. */
  refused: ReadonlyMap<number, Outcome>;
  /** SMTPUTF8 is asked for. */
  smtputf8: boolean;
}>;

export type NotSupported = Readonly<{ kind: 'not-supported'; outcome: Outcome }>;

type Link = Readonly<{ capabilities: Capabilities; tls: boolean }>;

/** `tls`: the connection is protected, and the upstream's certificate was verified. */
export function fitEnvelope(
  request: DeliveryRequest,
  { capabilities, tls }: Link,
): FittedEnvelope | NotSupported {
  if (request.requireTls && !(tls && capabilities.requireTls))
    return { kind: 'not-supported', outcome: NO_REQUIRETLS };
  const { reversePath, forwardPaths, dsn } = request;
  const international = [reversePath, ...forwardPaths].some(isInternational);
  const said = (path: string) => (capabilities.smtputf8 ? path : asciiPath(path));
  const from = said(reversePath);
  if (from === null) return { kind: 'not-supported', outcome: notAscii(reversePath) };

  const recipients: FittedRecipient[] = [];
  const refused = new Map<number, Outcome>();
  for (const [position, forwardPath] of forwardPaths.entries()) {
    const path = said(forwardPath);
    if (path === null) refused.set(position, notAscii(forwardPath));
    else recipients.push({ position, path, dsn: dsn?.recipients[position] ?? NO_RECIPIENT_DSN });
  }
  const smtputf8 = capabilities.smtputf8 && (request.smtputf8 || international);
  return { kind: 'fitted', reversePath: from, recipients, refused, smtputf8 };
}

/** What no upstream can be told: brackets or control characters, which end a path early on the wire (RFC 5321 §4.1.2). */
export function unsayable(path: string, whose: 'sender' | 'recipient'): Outcome | null {
  if (!/[<>]|\p{Cc}/u.test(path)) return null;
  const text =
    'The address contains an angle bracket or a control character, which upstreams do not understand.';
  return notSupported(text, whose === 'sender' ? '5.1.7' : '5.1.3');
}

export function notSupported(text: string, status: string): Outcome {
  return { kind: 'failed', reason: 'not-supported-upstream', stage: 'content', reply: null, text, status };
}

/** A mailbox that cannot be named without SMTPUTF8 as it is written (RFC 6531 §3.3). */
function isInternational(path: string): boolean {
  return /\P{ASCII}/u.test(path);
}

function notAscii(path: string): Outcome {
  return notSupported(
    `The address ${path} needs international mail (SMTPUTF8), which the upstream does not offer, and what stands before its @ has no form in plain ASCII. Use another address, or another upstream.`,
    '5.6.7',
  );
}

const NO_REQUIRETLS = notSupported(
  'The sender asks for verified encryption on the whole way (REQUIRETLS), and the upstream does not promise it. Send the message without this wish, or use an upstream that offers REQUIRETLS.',
  '5.7.30',
);
