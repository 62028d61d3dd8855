// The body of a request to a sending API, made of texts and of the message, in pieces of bounded size: a large message never
// stands in memory. Its length is known before the first piece. The last piece comes only when the stored message was read
// to its end and is what was stored (stored-content.ts): a server that waits for the length that it was told cannot take
// half a message, or a damaged one, for the whole. Never rejects: what cannot be read is a value.

import { createHash } from 'node:crypto';
import { createConversion } from '../../message/downgrade.ts';
import type { BodyPart } from '../apis/sending-api.ts';
import type { Parcel } from './session.ts';
import { createStoredContent } from './stored-content.ts';

type Message = Pick<Parcel, 'content' | 'plan' | 'size'>;

export type Unreadable = Readonly<{ kind: 'unreadable'; detail: string }>;

/** After `unreadable` nothing comes. */
export type BodyPiece = Readonly<{ kind: 'octets'; octets: Uint8Array }> | Unreadable;

export type ApiBody = Readonly<{
  /** Octets. */
  length: number;
  /** Reads everything anew each time. */
  pieces: () => AsyncIterable<BodyPiece>;
}>;

/** Without `message` the parts are texts alone. */
export async function bodyOf(
  parts: readonly BodyPart[],
  message: Message | null,
): Promise<ApiBody | Unreadable> {
  let length = 0;
  for (const part of parts) {
    const known = await lengthOf(part, message);
    if (typeof known !== 'number') return known;
    length += known;
  }
  return { length, pieces: () => delayed(piecesOf(parts, message)) };
}

/** SHA-256 of the whole body, in hexadecimal. */
export async function hashOf({ pieces }: ApiBody): Promise<string | Unreadable> {
  const digest = createHash('sha256');
  for await (const piece of pieces()) {
    if (piece.kind === 'unreadable') return piece;
    digest.update(piece.octets);
  }
  return digest.digest('hex');
}

async function lengthOf(part: BodyPart, message: Message | null): Promise<number | Unreadable> {
  if (typeof part === 'string') return Buffer.byteLength(part);
  const size = message?.size ?? 0;
  switch (part.message) {
    case 'as-it-is':
      return size;
    case 'base64':
      return Math.ceil(size / 3) * 4;
    case 'json': {
      let length = 0;
      for await (const piece of piecesOf([part], message)) {
        if (piece.kind === 'unreadable') return piece;
        length += piece.octets.length;
      }
      return length;
    }
    default:
      return part.message satisfies never;
  }
}

async function* piecesOf(parts: readonly BodyPart[], message: Message | null): AsyncGenerator<BodyPiece> {
  for (const part of parts) {
    if (typeof part === 'string') {
      yield octets(Buffer.from(part));
      continue;
    }
    const encode = encoderOf(part.message);
    for await (const piece of message === null ? [] : octetsOf(message)) {
      yield piece.kind === 'unreadable' ? piece : octets(encode(piece.octets, { last: false }));
      if (piece.kind === 'unreadable') return;
    }
    yield octets(encode(new Uint8Array(0), { last: true }));
  }
}

/** One piece behind, so that trouble with the last one is known before it is given; empty ones are left out. */
async function* delayed(pieces: AsyncIterable<BodyPiece>): AsyncGenerator<BodyPiece> {
  let held: BodyPiece | null = null;
  for await (const piece of pieces) {
    if (piece.kind === 'unreadable') {
      yield piece;
      return;
    }
    if (piece.octets.length === 0) continue;
    if (held !== null) yield held;
    held = piece;
  }
  if (held !== null) yield held;
}

/** The message as it is sent: with its header replaced and converted where that is needed. */
async function* octetsOf({ content, plan }: Message): AsyncGenerator<BodyPiece> {
  if (content.kind === 'octets') {
    yield octets(content.octets);
    return;
  }
  const stored = createStoredContent(content);
  const conversion = plan === null ? null : createConversion(plan);
  const converted = (piece: Uint8Array) => (conversion === null ? [piece] : conversion.push(piece));
  for (const piece of converted(stored.begin)) yield octets(piece);
  const file = content.open();
  try {
    for await (const read of file) {
      const piece = stored.take(read);
      if (piece === null) break;
      for (const one of converted(piece)) yield octets(one);
    }
  } catch (error) {
    yield unreadable(error instanceof Error ? error.message : String(error));
    return;
  } finally {
    file.destroy();
  }
  const problem = stored.problem();
  if (problem !== null) {
    yield unreadable(problem);
    return;
  }
  for (const piece of conversion?.end() ?? []) yield octets(piece);
}

type Encoder = (octets: Uint8Array, at: Readonly<{ last: boolean }>) => Uint8Array;

function encoderOf(how: Exclude<BodyPart, string>['message']): Encoder {
  switch (how) {
    case 'as-it-is':
      return piece => piece;
    case 'base64':
      return base64Encoder();
    case 'json':
      return jsonEncoder();
    default:
      return how satisfies never;
  }
}

/** One line, however the pieces are cut: three octets make four characters, so up to two wait for the next piece. */
function base64Encoder(): Encoder {
  let rest = Buffer.alloc(0);
  return (piece, { last }) => {
    const all =
      rest.length === 0
        ? Buffer.from(piece.buffer, piece.byteOffset, piece.length)
        : Buffer.concat([rest, piece]);
    const whole = last ? all.length : all.length - (all.length % 3);
    rest = Buffer.from(all.subarray(whole));
    return Buffer.from(all.subarray(0, whole).toString('base64'), 'latin1');
  };
}

/** JSON is UTF-8 (RFC 8259 §8.1): octets that are not become the replacement character. */
function jsonEncoder(): Encoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return (piece, { last }) =>
    Buffer.from(JSON.stringify(decoder.decode(piece, { stream: !last })).slice(1, -1));
}

function octets(piece: Uint8Array): BodyPiece {
  return { kind: 'octets', octets: piece };
}

function unreadable(detail: string): Unreadable {
  return { kind: 'unreadable', detail };
}
