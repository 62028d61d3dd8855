// Completion (DESIGN.md §4 step 6, RFC 6409 §8): what a message lacks is put in front of its header, what must not travel
// is cut out, and every other octet stays as it came. Made once: each attempt sends the same bytes. Loops end here.

import type { EpochMs } from '../clock.ts';
import { isForgedVerdict } from './authentication-results.ts';
import { formatDate } from './date.ts';
import { foreignSender } from './header-from.ts';
import { type Field, fieldValue, type HeaderBlock, isEmptyField } from './header-scan.ts';
import { formatReceived, type Handover } from './received.ts';

export type CompletionFacts = Readonly<{
  /** The message's id, also the left side of an added Message-ID. */
  id: string;
  hostname: string;
  /** This installation's own id: a message that carries it has been here before. */
  traceId: string;
  handover: Handover;
  receivedAt: EpochMs;
  /** For an added Date; null while the clock is not trusted: no date is better than 1970. */
  date: EpochMs | null;
  /** The addr-spec of an added From (sender.ts). */
  from: string;
  /** Whom the header may name as sender (permitted-addresses.ts); null: anybody. */
  permittedSenders: readonly string[] | null;
  /** A message with more Received fields than this is going in circles; RFC 5321 §6.3 has 100, we are the first hop. */
  maxReceived: number;
}>;

export type Completion = Readonly<{ kind: 'completed'; pieces: readonly Buffer[] }> | Loop | ForeignSender;
export type Loop = Readonly<{ kind: 'loop' }>;
/** `text`: a sentence for the reply. */
export type ForeignSender = Readonly<{ kind: 'foreign-sender'; text: string }>;

/** A field of its own, not part of Received: gateways that strip Received for privacy leave it, so a loop is still seen. */
const TRACE_FIELD = 'X-Postern-Trace';

/** Bcc would tell recipients of each other; Return-Path is the last hop's to write (RFC 5321 §4.4). */
const DROPPED = new Set(['bcc', 'resent-bcc', 'return-path']);

/** Goes where it claims to be ours (authentication-results.ts). */
const VERDICT = 'authentication-results';

/** Present but empty, these are as good as missing to providers: ours take their place. */
const REPLACED_WHEN_EMPTY = new Set(['date', 'message-id', 'from', 'mime-version']);

/** The new header block, with the separator where it was or is needed: the octets from `block.bodyStart` follow it. */
export function completeHeader(octets: Buffer, block: HeaderBlock, facts: CompletionFacts): Completion {
  if (isLoop(octets, block, facts)) return { kind: 'loop' };
  const dropped = block.fields.filter(field => mustGo(octets, field, facts.hostname));
  const gone = new Set(dropped);
  const kept = block.fields.filter(field => !gone.has(field));
  const { permittedSenders, from } = facts;
  const text = permittedSenders && foreignSender({ octets, fields: kept, added: from }, permittedSenders);
  if (text !== null) return { kind: 'foreign-sender', text };
  const names = new Set(kept.map(field => field.name));
  const pieces = [Buffer.from(prefix(names, facts)), ...remaining(octets, block, dropped)];
  const hasBody = block.bodyStart < octets.length;
  if (block.separated) pieces.push(octets.subarray(block.end, block.bodyStart));
  else if (hasBody) pieces.push(Buffer.from('\r\n'));
  return { kind: 'completed', pieces };
}

function prefix(names: ReadonlySet<string>, facts: CompletionFacts): string {
  const { id, hostname, traceId, date, from } = facts;
  return [
    formatReceived(facts.handover, facts),
    `${TRACE_FIELD}: ${traceId}\r\n`,
    names.has('date') || date === null ? '' : `Date: ${formatDate(date)}\r\n`,
    names.has('message-id') ? '' : `Message-ID: <${id}@${hostname}>\r\n`,
    names.has('from') ? '' : `From: ${from}\r\n`,
    names.has('mime-version') ? '' : 'MIME-Version: 1.0\r\n',
  ].join('');
}

function isLoop(octets: Buffer, { fields }: HeaderBlock, { traceId, maxReceived }: CompletionFacts): boolean {
  const trace = TRACE_FIELD.toLowerCase();
  let received = 0;
  for (const field of fields) {
    if (field.name === 'received') received++;
    if (field.name === trace && fieldValue(octets, field) === traceId) return true;
  }
  return received > maxReceived;
}

function mustGo(octets: Buffer, field: Field, hostname: string): boolean {
  if (DROPPED.has(field.name)) return true;
  if (field.name === VERDICT) return isForgedVerdict(fieldValue(octets, field), hostname);
  return REPLACED_WHEN_EMPTY.has(field.name) && isEmptyField(octets, field);
}

function remaining(
  octets: Buffer,
  { start, end }: HeaderBlock,
  dropped: readonly Field[],
): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let from = start;
  for (const field of dropped) {
    pieces.push(octets.subarray(from, field.start));
    from = field.end;
  }
  pieces.push(octets.subarray(from, end));
  return pieces.filter(piece => piece.length > 0);
}
