// Where the fields of a header begin and end, found in the octets as they came: nothing is decoded, nothing is changed.
// Takes what devices send: `Subject : x`, the `From ` line of an mbox file, 8-bit octets, a message without any header.
// The input has CRLF line ends (line-endings.ts). Work and memory are bounded: a header ends within MAX_HEADER octets.

export type Field = Readonly<{
  /** In lower case, without the colon. */
  name: string;
  /** Offsets of the field with its folded lines: from its first octet to after its last CRLF. */
  start: number;
  end: number;
  /** Offset after the colon. */
  valueStart: number;
}>;

export type HeaderBlock = Readonly<{
  kind: 'header';
  fields: readonly Field[];
  /** The fields fill the octets from here (after dropped mbox lines)… */
  start: number;
  /** …to here. */
  end: number;
  /** Whether an empty line separates header and body. Without it the body starts with a line that is no field, or is empty. */
  separated: boolean;
  bodyStart: number;
}>;

export type HeaderTooLarge = Readonly<{ kind: 'header-too-large' }>;

export type HeaderScanner = Readonly<{
  /**
   * Looks at the message's first octets; `octets` starts with those of the call before. Null: the header has not ended
   * yet. `ended` says that nothing more comes. Whatever the split, the result is the same.
   */
  scan: (octets: Buffer, ended: boolean) => HeaderBlock | HeaderTooLarge | null;
}>;

/** Far above any honest header (Postfix reads 100 KB by default), and all that one session can make us hold back. */
export const MAX_HEADER = 256 * 1024;

/** A field's colon and the end of an mbox line stand within this many octets; RFC 5322 §2.1.1 has lines of 998. */
const MAX_LOOK = 1024;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

type OpenField = { name: string; start: number; end: number; valueStart: number };
type LineKind = Readonly<{ kind: 'empty' | 'fold' | 'mbox' | 'text' } | { kind: 'field'; field: OpenField }>;
type Line = Readonly<{ start: number; end: number; terminated: boolean }>;

export function createHeaderScanner(limit: number = MAX_HEADER): HeaderScanner {
  const fields: OpenField[] = [];
  /** Start of the line that is looked at next. */
  let position = 0;
  /** No LF between `position` and here. */
  let searched = 0;

  const finish = (end: number, separated: boolean, bodyStart: number): HeaderBlock | HeaderTooLarge => {
    if (end > limit) return { kind: 'header-too-large' };
    const [first] = fields;
    if (first) return { kind: 'header', fields, start: first.start, end, separated, bodyStart };
    // Lines that look like mbox lines but precede no field are text.
    const isText = end > 0;
    const body = isText ? 0 : bodyStart;
    return { kind: 'header', fields, start: 0, end: 0, separated: separated && !isText, bodyStart: body };
  };

  /** Null: it cannot be told yet. */
  const nextLine = (octets: Buffer, ended: boolean): Line | null => {
    const lf = octets.indexOf(LF, searched);
    searched = lf === -1 ? octets.length : lf;
    if (lf !== -1) return { start: position, end: lf + 1, terminated: true };
    if (ended || octets.length - position >= MAX_LOOK)
      return { start: position, end: octets.length, terminated: ended };
    return null;
  };

  const advance = (line: Line, is: LineKind) => {
    const last = fields.at(-1);
    if (is.kind === 'field') fields.push(is.field);
    else if (last) last.end = line.end;
    position = line.end;
    searched = line.end;
  };

  const scan: HeaderScanner['scan'] = (octets, ended) => {
    for (;;) {
      if (ended && position === octets.length) return finish(position, false, position);
      const line = nextLine(octets, ended);
      if (!line) break;
      const is = classify(octets, line, fields.length === 0);
      if (is.kind === 'empty') return finish(position, true, line.end);
      if (is.kind === 'text') return finish(position, false, position);
      if (!line.terminated) break;
      advance(line, is);
    }
    return octets.length > limit + MAX_LOOK ? { kind: 'header-too-large' } : null;
  };
  return { scan };
}

/** The header of a whole message. */
export function scanHeader(octets: Buffer): HeaderBlock | HeaderTooLarge {
  return createHeaderScanner().scan(octets, true) ?? { kind: 'header-too-large' };
}

/** The octets after the colon, unfolded and without blanks around them, one character an octet. */
export function fieldValue(octets: Buffer, field: Field): string {
  return octets.toString('latin1', field.valueStart, field.end).replace(/\r?\n/g, '').trim();
}

/** Whether `fieldValue` is empty, without making it. */
export function isEmptyField(octets: Buffer, field: Field): boolean {
  // What trim() takes for a blank in Latin-1: from TAB to CR, the space, and the no-break space.
  for (let at = field.valueStart; at < field.end; at++) {
    const octet = octets[at] ?? 0;
    if (octet !== SPACE && octet !== 0xa0 && (octet < TAB || octet > CR)) return false;
  }
  return true;
}

function classify(octets: Buffer, line: Line, isFirst: boolean): LineKind {
  if (isEmpty(octets, line)) return { kind: 'empty' };
  if (!isFirst && isBlank(octets[line.start])) return { kind: 'fold' };
  const field = readField(octets, line);
  if (field) return { kind: 'field', field };
  return { kind: isFirst && isMboxLine(octets, line) ? 'mbox' : 'text' };
}

/** RFC 5322 §2.2: printable ASCII but the colon; blanks before the colon are obsolete (§4.5) but sent. */
function readField(octets: Buffer, line: Line): OpenField | null {
  const limit = Math.min(line.end, line.start + MAX_LOOK);
  let nameEnd = line.start;
  while (nameEnd < limit && isNameOctet(octets[nameEnd])) nameEnd++;
  let colon = nameEnd;
  while (colon < limit && isBlank(octets[colon])) colon++;
  if (nameEnd === line.start || colon >= limit || octets[colon] !== COLON) return null;
  const name = octets.toString('latin1', line.start, nameEnd).toLowerCase();
  return { name, start: line.start, end: line.end, valueStart: colon + 1 };
}

/** `From someone Sat Jan  1 00:00:00 2000`: what separates messages in an mbox file, not part of the message. */
function isMboxLine(octets: Buffer, line: Line): boolean {
  return (
    line.end - line.start <= MAX_LOOK &&
    /^>?From /.test(octets.toString('latin1', line.start, line.start + 6))
  );
}

function isEmpty(octets: Buffer, line: Line): boolean {
  const length = line.end - line.start;
  return length === 1
    ? octets[line.start] === LF
    : length === 2 && octets[line.start] === CR && octets[line.start + 1] === LF;
}

function isNameOctet(octet: number | undefined): boolean {
  return octet !== undefined && octet > SPACE && octet < 0x7f && octet !== COLON;
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB;
}
