// A message for an upstream that lacks 8BITMIME or SMTPUTF8: its octets are read once for a plan (seven-bit-plan.ts) and
// then written anew by it. Says the same to every reader; the structure, the order of fields and all that is ASCII stay
// octet for octet. Works on a stream with bounded memory, whatever the split of the input. Pure.

import { isAscii } from 'node:buffer';
import { asciiField, nameAsWritten } from './downgrade-header.ts';
import { parseParameters, withParameter, writeParameters } from './downgrade-parameters.ts';
import { foldField, guessCharset } from './downgrade-words.ts';
import { type Field, fieldValue } from './header-scan.ts';
import * as encoders from './seven-bit-encoders.ts';
import type { PartHead } from './seven-bit-head.ts';
import { createPartScanner, type Piece } from './seven-bit-parts.ts';
import {
  type BodyEncoding,
  createAnalysis,
  type DowngradePlan,
  type PartPlan,
  type Unconvertible,
} from './seven-bit-plan.ts';

/** Takes a message's octets and gives those to send; the same message must be pushed as was analysed. */
export type Conversion = Readonly<{
  push: (chunk: Uint8Array) => readonly Buffer[];
  /** Once, after the last push. */
  end: () => readonly Buffer[];
}>;

export type Downgraded = Readonly<{ kind: 'converted'; octets: Buffer }> | Unconvertible | null;

const AS_IT_IS: PartPlan = { body: 'as-is', label: null, charset: null };
const CRLF = Buffer.from('\r\n');

/** A whole message at once. Null: nothing needs to change. */
export function downgrade(octets: Uint8Array, wish: Readonly<{ bodies: boolean }>): Downgraded {
  const analysis = createAnalysis(wish);
  analysis.push(octets);
  const found = analysis.end();
  if (found?.kind !== 'plan') return found;
  const conversion = createConversion(found.plan);
  return { kind: 'converted', octets: Buffer.concat([...conversion.push(octets), ...conversion.end()]) };
}

export function createConversion(plan: DowngradePlan): Conversion {
  const scanner = createPartScanner();
  let encoder = encoders.asIs();
  let endsWithLine = true;

  const write = (piece: Piece): readonly Buffer[] => {
    if (piece.kind === 'body') return [encoder.push(piece.octets)];
    const owed = encoder.end();
    encoder = encoders.asIs();
    return [owed, writeOther(piece)];
  };

  const writeOther = (piece: Exclude<Piece, { kind: 'body' }>): Buffer => {
    switch (piece.kind) {
      case 'head': {
        const part = plan.parts.get(piece.head.index) ?? AS_IT_IS;
        encoder = newEncoder(part.body);
        return piece.head.signed ? piece.head.octets : writeHead(piece.head, part);
      }
      case 'margin':
        return plan.bodies && !piece.signed ? masked(piece.octets) : piece.octets;
      case 'boundary':
        return piece.octets;
      case 'trouble':
        // The analysis came to the same and ended it; a mistake of ours must not send half a message.
        throw new Error(`a message that cannot be converted was: ${piece.why}`);
      default:
        return piece satisfies never;
    }
  };

  const written = (pieces: readonly Buffer[]): readonly Buffer[] => {
    const filled = pieces.filter(octets => octets.length > 0);
    endsWithLine = filled.at(-1)?.at(-1) === undefined ? endsWithLine : filled.at(-1)?.at(-1) === LF;
    return filled;
  };

  return {
    push: chunk => written(scanner.push(chunk).flatMap(write)),
    end: () => {
      const last = written([...scanner.end().flatMap(write), encoder.end()]);
      return endsWithLine ? last : [...last, CRLF];
    },
  };
}

const LF = 0x0a;

function newEncoder(body: BodyEncoding): encoders.BodyEncoder {
  switch (body) {
    case 'as-is':
      return encoders.asIs();
    case 'quoted-printable':
      return encoders.quotedPrintable();
    case 'base64':
      return encoders.base64();
    case 'mended-quoted-printable':
      return encoders.mendedQuotedPrintable();
    case 'mended-base64':
      return encoders.mendedBase64();
    default:
      return body satisfies never;
  }
}

/** What readers pass over (RFC 2046 §5.1.1) has no encoding. */
function masked(octets: Buffer): Buffer {
  return isAscii(octets)
    ? octets
    : Buffer.from(octets.toString('latin1').replace(/[^\0-\x7f]/g, '?'), 'latin1');
}

/** The fields in their order; what the part becomes is said where it was said before, or else at the end. */
function writeHead(head: PartHead, part: PartPlan): Buffer {
  const { octets, fields, fieldsEnd } = head;
  const written = fields.map(field => writeField(head, field, part));
  const begin = masked(octets.subarray(0, fields[0]?.start ?? fieldsEnd));
  const added = Buffer.from(addedFields(head, part), 'latin1');
  const end = octets.subarray(fieldsEnd);
  // Without an empty line the body would begin in the header.
  const separator = end.length === 0 && part.label !== null ? CRLF : end;
  return Buffer.concat([begin, ...written, added, separator]);
}

function writeField(head: PartHead, field: Field, { label, charset }: PartPlan): Buffer {
  const raw = head.octets.subarray(field.start, field.end);
  if (field.name === 'content-transfer-encoding' && label !== null) {
    return Buffer.from(`${nameAsWritten(head.octets, field)}: ${label}\r\n`);
  }
  if (field.name === 'content-type' && charset !== null) {
    const changed = withParameter(parseParameters(fieldValue(head.octets, field)), 'charset', charset);
    const value = writeParameters(changed, guessCharset(raw));
    return Buffer.from(foldField(nameAsWritten(head.octets, field), value), 'latin1');
  }
  if (isAscii(raw)) return raw;
  const ascii = asciiField(head.octets, field, { isOutermost: head.index === 0 });
  // Where nothing can stand for the sender the analysis has ended it.
  return ascii.kind === 'field' ? ascii.octets : Buffer.alloc(0);
}

function addedFields({ fields, isMessage, type }: PartHead, { label, charset }: PartPlan): string {
  const lacks = (name: string) => !fields.some(field => field.name === name);
  const isEncoded = label !== null && label !== '7bit';
  return [
    isMessage && isEncoded && lacks('mime-version') ? 'MIME-Version: 1.0\r\n' : '',
    charset !== null && lacks('content-type') ? `Content-Type: ${type}; charset=${charset}\r\n` : '',
    isEncoded && lacks('content-transfer-encoding') ? `Content-Transfer-Encoding: ${label}\r\n` : '',
  ].join('');
}
