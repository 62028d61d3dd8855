// The stream from a client's octets to the octets that are stored: line ends made right, header completed, body untouched.
// Holds back the header and nothing else, so a message of any size needs the same memory. Counts and hashes what comes out.
// Does not limit the message's size: whoever feeds it stops when enough came in.

import { isAscii } from 'node:buffer';
import { createHash, type Hash, hash as hashOf } from 'node:crypto';
import { type CompletionFacts, completeHeader } from './complete.ts';
import { createHeaderScanner } from './header-scan.ts';
import { createLineEndings } from './line-endings.ts';

export type CompletedMessage = Readonly<{
  kind: 'complete';
  /** The last octets. */
  tail: readonly Uint8Array[];
  /** Octets of all pieces, from the first push to the tail. */
  size: number;
  /** SHA-256 of the same octets, hexadecimal. */
  hash: string;
  /** The header has octets over 127: relaying it needs SMTPUTF8 (RFC 6532) or a forgiving upstream. */
  eightBitHeader: boolean;
  /** The body has octets over 127: relaying it needs 8BITMIME (RFC 6152). */
  eightBitBody: boolean;
}>;

export type CompletionRefusal = Readonly<{
  kind: 'refused';
  /** loop: 554 5.4.6 · header-too-large: 554 5.6.0 · foreign-sender: 550 5.7.1 */
  reason: 'loop' | 'header-too-large' | 'foreign-sender';
  text: string;
}>;

export type CompletionStream = Readonly<{
  /** Octets to store, in order; they may share memory with `chunk`. Empty while the header is held back, and after a refusal. */
  push: (chunk: Uint8Array) => readonly Uint8Array[];
  /** Set as soon as the message is known to be refused: the rest need not be read. */
  refusal: () => CompletionRefusal | null;
  /** Call once, after the last push. */
  end: () => CompletedMessage | CompletionRefusal;
}>;

const LOOP = 'Mail loop: this message has been here before';

/** One message's way in. Synchronous; any split of the input gives the same octets out. */
export function openCompletion(facts: CompletionFacts): CompletionStream {
  const lines = createLineEndings();
  const scanner = createHeaderScanner();
  const digest = createDigest();
  const held = createHold();
  let size = 0;
  let inBody = false;
  let eightBitHeader = false;
  let eightBitBody = false;
  let refusal: CompletionRefusal | null = null;

  const emit = (out: Buffer[], octets: Buffer) => {
    if (octets.length === 0) return;
    size += octets.length;
    digest.add(octets);
    if (inBody) eightBitBody ||= !isAscii(octets);
    else eightBitHeader ||= !isAscii(octets);
    out.push(octets);
  };

  /** Called with each new piece of the header, and once more at the end of a message that never left it. */
  const tryHeader = (out: Buffer[], ended: boolean) => {
    const octets = held.octets();
    const block = scanner.scan(octets, ended);
    if (block === null) return;
    if (block.kind === 'header-too-large') {
      refusal = refuse(block.kind, 'The header of the message is too large');
      return;
    }
    const completion = completeHeader(octets, block, facts);
    if (completion.kind !== 'completed') {
      refusal = refuse(completion.kind, completion.kind === 'loop' ? LOOP : completion.text);
      return;
    }
    for (const piece of completion.pieces) emit(out, piece);
    inBody = true;
    emit(out, octets.subarray(block.bodyStart));
  };

  const take = (pieces: readonly Buffer[]): Buffer[] => {
    const out: Buffer[] = [];
    for (const piece of pieces) {
      if (refusal) return [];
      if (inBody) {
        emit(out, piece);
      } else {
        held.append(piece);
        tryHeader(out, false);
      }
    }
    return out;
  };

  return {
    push: chunk => take(lines.push(chunk)),
    refusal: () => refusal,
    end: () => {
      const tail = take(lines.end());
      if (!inBody && !refusal) tryHeader(tail, true);
      return refusal ?? { kind: 'complete', tail, size, hash: digest.end(), eightBitHeader, eightBitBody };
    },
  };
}

/** For the moment of hashing: so much from Buffer's own pool for each message would keep twice the memory alive. */
const room = Buffer.allocUnsafeSlow(64 * 1024);

function joined(pieces: readonly Buffer[], length: number): Buffer {
  let at = 0;
  for (const piece of pieces) at += piece.copy(room, at);
  return room.subarray(0, length);
}

/** Octets up to here are hashed in one go at the end: for a small message that costs a third. */
const AT_ONCE = room.length;

/** SHA-256, hexadecimal, of octets that come in pieces. What is added must not change any more. */
function createDigest(): Readonly<{ add: (octets: Buffer) => void; end: () => string }> {
  const pieces: Buffer[] = [];
  let length = 0;
  let hash: Hash | null = null;
  return {
    add: octets => {
      if (hash) {
        hash.update(octets);
        return;
      }
      pieces.push(octets);
      length += octets.length;
      if (length <= AT_ONCE) return;
      hash = createHash('sha256');
      for (const piece of pieces.splice(0)) hash.update(piece);
    },
    end: () => hash?.digest('hex') ?? hashOf('sha256', joined(pieces, length), 'hex'),
  };
}

function refuse(reason: CompletionRefusal['reason'], text: string): CompletionRefusal {
  return { kind: 'refused', reason, text };
}

/** Octets that grow: the first piece is kept as it is, more are copied together, doubling. */
function createHold(): Readonly<{ append: (piece: Buffer) => void; octets: () => Buffer }> {
  let room: Buffer = Buffer.alloc(0);
  let length = 0;
  return {
    append: piece => {
      if (length === 0) {
        room = piece;
      } else {
        if (length + piece.length > room.length) {
          const wider = Buffer.allocUnsafe(2 * (length + piece.length));
          room.copy(wider, 0, 0, length);
          room = wider;
        }
        piece.copy(room, length);
      }
      length += piece.length;
    },
    octets: () => room.subarray(0, length),
  };
}
