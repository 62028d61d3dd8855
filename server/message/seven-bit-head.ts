// The head of a message or of one of its parts: where it ends, its fields, and what they say about the body. Read as most
// readers do: what is no field ends it, and what cannot be understood is text (RFC 2045 §5.2). Pure.

import { parseParameters } from './downgrade-parameters.ts';
import { type Field, fieldValue, MAX_HEADER, scanHeader } from './header-scan.ts';
import { isBoundary, type Level } from './seven-bit-boundary.ts';

export type PartHead = Readonly<{
  /** From 0, in the order of the message; 0 is the message itself. */
  index: number;
  /** The fields, and the empty line where there is one. */
  octets: Buffer;
  fields: readonly Field[];
  /** Where the fields end in `octets`. */
  fieldsEnd: number;
  /** multipart: parts follow · message: the head of another message follows · leaf: a body. */
  kind: 'multipart' | 'message' | 'leaf';
  /** It is a message's head, not that of a part. */
  isMessage: boolean;
  /** In lower case, such as `text/plain`. */
  type: string;
  /** As it was said; null where it was not. */
  charset: string | null;
  /** In lower case; `7bit` where nothing was said. */
  encoding: string;
  /** Of a multipart; one character an octet. */
  boundary: string;
  /** A multipart/signed covers it: not one octet may change. */
  signed: boolean;
}>;

export type HeadContext = Readonly<{
  isMessage: boolean;
  levels: readonly Level[];
  index: number;
  /** Nothing more comes. */
  ended: boolean;
}>;

/** Null: more octets are needed. */
export function readHead(
  octets: Buffer,
  context: HeadContext,
): PartHead | Readonly<{ kind: 'header-too-large' }> | null {
  const end = findEnd(octets, context);
  if (end === null) return octets.length > MAX_HEADER ? { kind: 'header-too-large' } : null;
  const block = scanHeader(octets.subarray(0, end.fieldsEnd));
  if (block.kind === 'header-too-large') return block;
  const head = octets.subarray(0, end.headEnd);
  const said = (name: string) => {
    const field = block.fields.find(one => one.name === name);
    return field === undefined ? '' : fieldValue(head, field);
  };
  const { levels, isMessage, index } = context;
  const media = mediaOf(said('content-type'), isMessage ? undefined : levels.at(-1));
  const encoding = /^[\w-]+/.exec(said('content-transfer-encoding').toLowerCase())?.[0] ?? '7bit';
  const { fields } = block;
  const common = { index, octets: head, fields, fieldsEnd: end.fieldsEnd, isMessage, encoding };
  return { ...common, ...media, kind: kindOf(media, encoding), signed: isSigned(levels) };
}

type Media = Readonly<{ type: string; charset: string | null; boundary: string }>;

function mediaOf(contentType: string, parent: Level | undefined): Media {
  if (contentType === '') {
    const type = parent?.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    return { type, charset: null, boundary: '' };
  }
  const { value, parameters } = parseParameters(contentType);
  const find = (name: string) => parameters.find(parameter => parameter.name === name)?.value;
  const type = value.toLowerCase();
  return {
    type: /^[^\s/]+\/[^\s/]+$/.test(type) ? type : 'text/plain',
    charset: find('charset') ?? null,
    boundary: find('boundary') ?? '',
  };
}

function kindOf({ type, boundary }: Media, encoding: string): PartHead['kind'] {
  if (type.startsWith('multipart/') && boundary !== '') return 'multipart';
  const isEncoded = !isIdentity(encoding);
  return (type === 'message/rfc822' || type === 'message/news') && !isEncoded ? 'message' : 'leaf';
}

/** What is written is what is meant (RFC 2045 §6.2); devices write `8-bit` and `8 bit` too. */
export function isIdentity(encoding: string): boolean {
  return /^(?:[78]|[78]-?bit|binary)$/.test(encoding);
}

function isSigned(levels: readonly Level[]): boolean {
  const parent = levels.at(-1);
  return parent !== undefined && (parent.signed || parent.type === 'multipart/signed');
}

type End = Readonly<{ fieldsEnd: number; headEnd: number }>;

function findEnd(octets: Buffer, { levels, ended }: HeadContext): End | null {
  for (let start = 0; ; ) {
    if (ended && start === octets.length) return { fieldsEnd: start, headEnd: start };
    const lf = octets.indexOf(0x0a, start);
    if (lf === -1 && !ended) return null;
    const end = lf === -1 ? octets.length : lf + 1;
    const line = octets.subarray(start, end);
    if (isEmptyLine(line)) return { fieldsEnd: start, headEnd: end };
    if (isBoundary(line, levels) !== null || !isOfHeader(line, start === 0)) {
      return { fieldsEnd: start, headEnd: start };
    }
    start = end;
  }
}

function isEmptyLine(line: Buffer): boolean {
  return line.length <= 2 && /^\r?\n$/.test(line.toString('latin1'));
}

/** A field (RFC 5322 §2.2), a folded line of one, or the line of an mbox file above the first. */
function isOfHeader(line: Buffer, isFirst: boolean): boolean {
  const begin = line.toString('latin1', 0, 1024);
  return /^[!-9;-~]+[ \t]*:/.test(begin) || (isFirst ? /^>?From /.test(begin) : /^[ \t]/.test(begin));
}
