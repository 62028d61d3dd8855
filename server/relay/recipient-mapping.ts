// The recipients of one delivery under the rules for local ones: whom it goes to, what is noted of whom it was meant for, and
// which outcome belongs to whom. Two recipients that come to the same address are one on the wire. Pure.

import type { DeliveryRequest } from '../queue/delivery.ts';
import type { Notify, NotifyOn, RecipientDsn } from '../smtp/dsn-parameters.ts';
import { NO_MESSAGE_DSN } from '../smtp/dsn-parameters.ts';
import { encodeOriginalRecipient } from '../smtp/xtext.ts';

export type Mapping = Readonly<{
  forwardPaths: readonly string[];
  /** For each recipient of the request the position among `forwardPaths`. */
  places: readonly number[];
  dsn: NonNullable<DeliveryRequest['dsn']>;
  /** Fields for the top of the header, one for each recipient that goes elsewhere. ASCII. */
  fields: string;
}>;

type Request = Pick<DeliveryRequest, 'forwardPaths' | 'dsn'>;

const NOTHING_ASKED: RecipientDsn = { notify: null, originalRecipient: null };

/** Null where every recipient stays. `mapped` gives the new address, or null. */
export function mapRecipients(
  { forwardPaths, dsn }: Request,
  mapped: (forwardPath: string) => string | null,
): Mapping | null {
  const targets = forwardPaths.map(mapped);
  if (targets.every(target => target === null)) return null;
  const merged = new Map<string, RecipientDsn>();
  for (const [i, forwardPath] of forwardPaths.entries()) {
    const target = targets[i] ?? forwardPath;
    const asked = dsn?.recipients[i] ?? NOTHING_ASKED;
    const originalRecipient = asked.originalRecipient ?? (targets[i] ? typed(forwardPath) : null);
    const before = merged.get(target);
    merged.set(target, before ? bothOf(before, asked) : { ...asked, originalRecipient });
  }
  const paths = [...merged.keys()];
  return {
    forwardPaths: paths,
    places: forwardPaths.map((forwardPath, i) => paths.indexOf(targets[i] ?? forwardPath)),
    dsn: { ...NO_MESSAGE_DSN, ...dsn, recipients: [...merged.values()] },
    fields: forwardPaths.flatMap((path, i) => (targets[i] ? originalField(path) : [])).join(''),
  };
}

/** Who asked for more gets it: one reply stands for both. */
function bothOf(one: RecipientDsn, other: RecipientDsn): RecipientDsn {
  const wanted = new Set([...wantedBy(one.notify), ...wantedBy(other.notify)]);
  const isSaid = one.notify !== null || other.notify !== null;
  const notify = !isSaid ? null : wanted.size === 0 ? 'never' : [...wanted];
  return { ...one, notify };
}

function wantedBy(notify: Notify | null): readonly NotifyOn[] {
  return notify === null ? ['failure', 'delay'] : notify === 'never' ? [] : notify;
}

/** RFC 3461 §4.2, RFC 6533 §3. */
function typed(forwardPath: string): string {
  return `${/\P{ASCII}/u.test(forwardPath) ? 'utf-8' : 'rfc822'};${forwardPath}`;
}

/** As Postfix writes it; beyond ASCII in the form of RFC 6533, so that no upstream needs SMTPUTF8 for it. */
function originalField(forwardPath: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(forwardPath);
  const text = isPlain ? forwardPath : encodeOriginalRecipient(`utf-8;${forwardPath}`).replace('utf-8;', '');
  return `X-Original-To: ${text}\r\n`;
}
