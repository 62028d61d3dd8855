// What a client asks to be told about its message (RFC 3461): the values of RET and ENVID (MAIL), NOTIFY and ORCPT (RCPT).
// Pure vocabulary; xtext is decoded when a command is parsed and encoded when one is written.

export type NotifyOn = 'success' | 'failure' | 'delay';

/** NOTIFY. Null where it was not said: then failures are reported, and delays may be (RFC 3461 §4.1). */
export type Notify = 'never' | readonly NotifyOn[];

/** Of one recipient. */
export type RecipientDsn = Readonly<{
  notify: Notify | null;
  /** ORCPT as `rfc822;address` or `utf-8;address`, decoded (xtext.ts); the type in lower case. */
  originalRecipient: string | null;
}>;

/** Of the whole message. */
export type MessageDsn = Readonly<{
  /** ENVID, decoded: printable ASCII, at most 100 characters. */
  envelopeId: string | null;
  /** RET. */
  returns: 'full' | 'headers' | null;
}>;

export const NO_MESSAGE_DSN: MessageDsn = { envelopeId: null, returns: null };
export const NO_RECIPIENT_DSN: RecipientDsn = { notify: null, originalRecipient: null };

export function isReported(notify: Notify | null, on: NotifyOn): boolean {
  if (notify === null) return on !== 'success';
  return notify !== 'never' && notify.includes(on);
}

/** For the database: `never`, or words joined by a comma; null for what was not said. */
export function notifyToText(notify: Notify | null): string | null {
  return notify === null || notify === 'never' ? notify : notify.join(',');
}

/** What `notifyToText` wrote; an unknown word counts as not said. */
export function notifyFromText(text: unknown): Notify | null {
  if (typeof text !== 'string') return null;
  if (text === 'never') return text;
  const words = text.split(',').filter(word => word === 'success' || word === 'failure' || word === 'delay');
  return words.length > 0 ? words : null;
}
