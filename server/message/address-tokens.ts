// The tokens of an address field (RFC 5322 §3.2): comments are left out, nested ones too. Strict about what begins and
// does not end, because readers disagree about what such a thing hides. One pass over the text.

export type AddressToken = Readonly<{
  /** text: an atom or several with their dots · literal: `[192.0.2.1]` · special: one of `<>,;:@` */
  kind: 'text' | 'quoted' | 'literal' | 'special';
  /** As written, with quotes and brackets. */
  text: string;
  /** Its place in the field. */
  start: number;
}>;

/** `why`: how a sentence about the field goes on. */
export type Unreadable = Readonly<{ kind: 'unreadable'; why: string }>;

const BLANK = /[ \t]/;
const SPECIAL = /[<>,;:@]/;
const ENDS_TEXT = /[ \t<>,;:@"()[\]\\]/;

export function tokenizeAddresses(value: string): readonly AddressToken[] | Unreadable {
  const tokens: AddressToken[] = [];
  let position = 0;
  while (position < value.length) {
    const first = value.charAt(position);
    const end = BLANK.test(first) ? position + 1 : endOfToken(value, position, first);
    if (typeof end !== 'number') return end;
    const kind = kindOf(first);
    if (kind !== null) tokens.push({ kind, text: value.slice(position, end), start: position });
    position = end;
  }
  return tokens;
}

/** Null for what is no token: blanks and comments. */
function kindOf(first: string): AddressToken['kind'] | null {
  if (BLANK.test(first) || first === '(') return null;
  if (first === '"') return 'quoted';
  if (first === '[') return 'literal';
  return SPECIAL.test(first) ? 'special' : 'text';
}

function endOfToken(value: string, start: number, first: string): number | Unreadable {
  switch (first) {
    case '"':
      return endOfQuoted(value, start) ?? unreadable('has an opening quote without a closing one');
    case '(':
      return endOfComment(value, start) ?? unreadable('has an opening bracket without a closing one');
    case '[':
      return endOfLiteral(value, start) ?? unreadable('has an opening bracket without a closing one');
    case ')':
    case ']':
    case '\\':
      return unreadable(`has a ${first} at a place where it has no meaning`);
    default:
      return SPECIAL.test(first) ? start + 1 : endOfText(value, start);
  }
}

function endOfText(value: string, start: number): number {
  let end = start;
  while (end < value.length && !ENDS_TEXT.test(value.charAt(end))) end++;
  return end;
}

function endOfQuoted(value: string, start: number): number | null {
  for (let i = start + 1; i < value.length; i++) {
    if (value[i] === '\\') i++;
    else if (value[i] === '"') return i + 1;
  }
  return null;
}

function endOfComment(value: string, start: number): number | null {
  let depth = 0;
  for (let i = start; i < value.length; i++) {
    if (value[i] === '\\') i++;
    else if (value[i] === '(') depth++;
    else if (value[i] === ')') depth--;
    if (depth === 0) return i + 1;
  }
  return null;
}

/** Only what no reader takes apart otherwise; an address literal needs no more. */
function endOfLiteral(value: string, start: number): number | null {
  const literal = /\[[^"\\()<>@[\]]*\]/y;
  literal.lastIndex = start;
  return literal.test(value) ? literal.lastIndex : null;
}

export function unreadable(why: string): Unreadable {
  return { kind: 'unreadable', why };
}
