// What each part of a message must become before an upstream can take it that lacks 8BITMIME or SMTPUTF8 (RFC 6152 §3,
// RFC 6409 §8.4), found by going through its octets once. A part's own line says how it is encoded, and stands before its
// octets: so a message is read first and written afterwards (downgrade.ts). Pure.
// What a multipart/signed covers keeps every octet: a changed one makes an honest letter look forged. A DKIM signature is
// no such reason: one that does not fit is to a reader none at all (RFC 6376 §6.1), and a letter that does not come at all
// helps nobody.

import { isAscii } from 'node:buffer';
import { asciiField } from './downgrade-header.ts';
import { isPlain } from './downgrade-words.ts';
import { isIdentity, type PartHead } from './seven-bit-head.ts';
import { createPartScanner, type Trouble } from './seven-bit-parts.ts';
import { createSurvey, type Survey } from './seven-bit-survey.ts';

/** How a part's body is written. `mended-…`: it is encoded already, with octets that do not belong there. */
export type BodyEncoding =
  | 'as-is'
  | 'quoted-printable'
  | 'base64'
  | 'mended-quoted-printable'
  | 'mended-base64';

/** Null: it stays as it says itself. */
export type PartPlan = Readonly<{ body: BodyEncoding; label: string | null; charset: string | null }>;

export type DowngradePlan = Readonly<{
  /** Bodies become 7-bit; else only headers change. */
  bodies: boolean;
  /** By the number of the head; parts that are not here stay as they are. */
  parts: ReadonlyMap<number, PartPlan>;
}>;

/** `status`: 5.6.3 (conversion required and not possible) or 5.6.7 (non-ASCII addresses, RFC 6531). */
export type Unconvertible = Readonly<{ kind: 'unconvertible'; status: '5.6.3' | '5.6.7'; why: string }>;

export type Analysis = Readonly<{
  push: (chunk: Uint8Array) => void;
  /** Once, after the last push. Null: nothing needs to change. */
  end: () => Readonly<{ kind: 'plan'; plan: DowngradePlan }> | Unconvertible | null;
}>;

/** RFC 5322 §2.1.1. */
const MAX_LINE = 998;

export function createAnalysis({ bodies }: Readonly<{ bodies: boolean }>): Analysis {
  const scanner = createPartScanner();
  const parts = new Map<number, PartPlan>();
  let survey: Survey | null = null;
  let current: PartHead | null = null;
  let refusal: Unconvertible | null = null;
  let changes = false;

  const endOfBody = () => {
    if (current !== null && survey !== null && bodies) decide(current, survey);
    current = null;
    survey = null;
  };

  const decide = (head: PartHead, found: Survey) => {
    const plan = planPart(head, found);
    if ('kind' in plan) {
      refusal ??= plan;
      return;
    }
    if (plan.label !== null || plan.body !== 'as-is') parts.set(head.index, plan);
    changes ||= found.eightBit();
  };

  const takeHead = (head: PartHead) => {
    const problem = bodies || !head.signed ? problemOfHead(head) : null;
    refusal ??= problem;
    changes ||= !isAscii(head.octets) && !head.signed;
    if (head.kind === 'leaf') {
      current = head;
      survey = createSurvey();
    } else if (bodies && !head.signed && head.encoding !== '7bit') {
      parts.set(head.index, { body: 'as-is', label: '7bit', charset: null });
    }
  };

  const take = (pieces: ReturnType<typeof scanner.push>) => {
    for (const piece of pieces) {
      if (piece.kind === 'body') survey?.push(piece.octets);
      else endOfBody();
      if (piece.kind === 'head') takeHead(piece.head);
      else if (piece.kind === 'trouble') refusal ??= TROUBLE[piece.why];
      else if (piece.kind === 'margin' && bodies && !isAscii(piece.octets)) {
        changes = true;
        if (piece.signed) refusal ??= SIGNED;
      }
    }
  };

  return {
    push: chunk => {
      if (refusal === null) take(scanner.push(chunk));
    },
    end: () => {
      if (refusal === null) take(scanner.end());
      endOfBody();
      return refusal ?? (changes ? { kind: 'plan', plan: { bodies, parts } } : null);
    },
  };
}

function planPart(head: PartHead, survey: Survey): PartPlan | Unconvertible {
  const { type, encoding, signed } = head;
  const eightBit = survey.eightBit();
  if (signed) return eightBit ? SIGNED : { body: 'as-is', label: null, charset: null };
  if (isIdentity(encoding)) {
    const tooLong = survey.longestLine() > MAX_LINE;
    if (!eightBit && !tooLong)
      return { body: 'as-is', label: encoding === '7bit' ? null : '7bit', charset: null };
    // RFC 2046 §5.2: these are never encoded.
    if (type === 'message/partial' || type === 'message/external-body') return FRAGMENT;
    const isText = type.startsWith('text/') || type.startsWith('message/delivery-status');
    const body = isText ? 'quoted-printable' : 'base64';
    return { body, label: body, charset: eightBit ? charsetFor(head, survey) : null };
  }
  if (!eightBit) return { body: 'as-is', label: null, charset: null };
  if (encoding !== 'base64' && encoding !== 'quoted-printable') return unknownEncoding(encoding);
  return { body: `mended-${encoding}`, label: null, charset: charsetFor(head, survey) };
}

/** Text that says US-ASCII, or nothing, and is not. HTML and XML may say it within, so nothing is guessed for them. */
function charsetFor({ type, charset }: PartHead, survey: Survey): string | null {
  if (!type.startsWith('text/')) return null;
  if (charset !== null && !/^(?:us-)?ascii$|^ansi_x3\.4-1968$/i.test(charset)) return null;
  if (survey.utf8()) return 'utf-8';
  return /\b(?:html|xml)$/.test(type) ? null : 'windows-1252';
}

function problemOfHead(head: PartHead): Unconvertible | null {
  if (isAscii(head.octets)) return null;
  if (head.signed) return SIGNED;
  if (head.kind === 'multipart' && !isPlain(head.boundary)) return BOUNDARY;
  const isOutermost = head.index === 0;
  for (const field of head.fields) {
    if (isAscii(head.octets.subarray(field.start, field.end))) continue;
    const written = asciiField(head.octets, field, { isOutermost });
    if (written.kind === 'unsayable') return unsayable(written.address);
  }
  return null;
}

function unconvertible(why: string): Unconvertible {
  return { kind: 'unconvertible', status: '5.6.3', why };
}

function unsayable(address: string): Unconvertible {
  const why = `the sender's address ${address} in its header is not ASCII before the @, and so has no other form`;
  return { kind: 'unconvertible', status: '5.6.7', why };
}

function unknownEncoding(encoding: string): Unconvertible {
  return unconvertible(`one of its parts is in an encoding that is not known here (${encoding})`);
}

const SIGNED = unconvertible('it is signed (S/MIME or PGP), and encoding it anew would break the signature');
const FRAGMENT = unconvertible('it is a fragment of a message, which must not be encoded');
const BOUNDARY = unconvertible('the boundary between its parts is not ASCII');
const TROUBLE: Readonly<Record<Trouble, Unconvertible>> = {
  'header-too-large': unconvertible('the header of one of its parts is too large'),
  'too-many-parts': unconvertible('it has too many parts'),
  'too-deep': unconvertible('its parts are nested too deeply'),
};
