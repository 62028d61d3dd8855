// What is said behind the addresses of MAIL and RCPT: only what the upstream announced, and what the message needs. Pure.

import type { MessageDsn, RecipientDsn } from '../../smtp/dsn-parameters.ts';
import { encodeEnvelopeId, encodeOriginalRecipient } from '../../smtp/xtext.ts';
import type { Capabilities } from '../capabilities.ts';

export type EnvelopeWishes = Readonly<{
  /** Octets of the message as it is sent, before dots are doubled. */
  size: number;
  eightBit: boolean;
  smtputf8: boolean;
  requireTls: boolean;
  dsn: MessageDsn | null;
}>;

/** Each with a space before it; empty where there is nothing to say. */
export function mailParameters(wishes: EnvelopeWishes, capabilities: Capabilities): string {
  const { size, eightBit, smtputf8, requireTls, dsn } = wishes;
  const said = capabilities.dsn ? dsn : null;
  return [
    eightBit && capabilities.eightBitMime ? ' BODY=8BITMIME' : '',
    size > 0 && capabilities.size ? ` SIZE=${size}` : '',
    smtputf8 && capabilities.smtputf8 ? ' SMTPUTF8' : '',
    requireTls ? ' REQUIRETLS' : '',
    said === null || said.returns === null ? '' : ` RET=${said.returns === 'full' ? 'FULL' : 'HDRS'}`,
    said === null || said.envelopeId === null ? '' : ` ENVID=${encodeEnvelopeId(said.envelopeId)}`,
  ].join('');
}

/** RFC 3461 §5.2.1: the same words as they came, for each recipient its own. */
export function recipientParameters(
  { notify, originalRecipient }: RecipientDsn,
  capabilities: Pick<Capabilities, 'dsn'>,
): string {
  if (!capabilities.dsn) return '';
  const words = notify === null || notify === 'never' ? notify : notify.join(',');
  return [
    words === null ? '' : ` NOTIFY=${words.toUpperCase()}`,
    originalRecipient === null ? '' : ` ORCPT=${encodeOriginalRecipient(originalRecipient)}`,
  ].join('');
}
