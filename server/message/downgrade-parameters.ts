// Fields with parameters (RFC 2045 §5.1): Content-Type and Content-Disposition, read leniently (names of files without
// quotes, with blanks and in any character set) and written in ASCII with RFC 2231. Pure.

import { type Charset, decodeText, isPlain } from './downgrade-words.ts';

export type Parameter = Readonly<{
  /** In lower case, with the `*` of RFC 2231 where it has one. */
  name: string;
  /** Without quotes and escapes; one character an octet. */
  value: string;
  /** As written. */
  raw: string;
}>;

export type Parameterized = Readonly<{ value: string; parameters: readonly Parameter[] }>;

/** Of an encoded value, so that a line stays below 76 characters. */
const SEGMENT = 55;

/** `field`: what follows the colon, unfolded, one character an octet. */
export function parseParameters(field: string): Parameterized {
  const [first = '', ...more] = splitOutside(field);
  const parameters = more.flatMap(raw => parseParameter(raw) ?? []);
  return { value: withoutComments(first).trim(), parameters };
}

/** The same field in ASCII. Parameters in ASCII stay as they were written. */
export function writeParameters({ value, parameters }: Parameterized, charset: Charset): string {
  const written = parameters.flatMap(one =>
    isPlain(one.raw) ? [one.raw.trim()] : encodeParameter(one, charset),
  );
  return [isPlain(value) ? value : value.replace(/[^ -~]/g, '?'), ...written].join('; ');
}

/** A parameter that is put in the place of those of this name. */
export function withParameter(field: Parameterized, name: string, value: string): Parameterized {
  const others = field.parameters.filter(one => one.name.replace(/\*.*$/, '') !== name);
  return { ...field, parameters: [...others, { name, value, raw: `${name}=${value}` }] };
}

function parseParameter(raw: string): Parameter | null {
  const found = /^\s*([^\s=]+)\s*=\s*(.*)$/s.exec(raw);
  if (found?.[1] === undefined || found[2] === undefined) return null;
  const name = found[1].toLowerCase();
  const text = found[2].trim();
  const quoted = /^"((?:[^"\\]|\\.)*)"?/s.exec(text)?.[1];
  if (quoted !== undefined) return { name, value: quoted.replace(/\\(.)/gs, '$1'), raw };
  // Brackets in a bare file name are a part of it more often than a comment.
  return { name, value: /name\b/.test(name) ? text : withoutComments(text).trim(), raw };
}

function encodeParameter({ name, value }: Parameter, charset: Charset): readonly string[] {
  // Already of RFC 2231, with octets that it should have encoded.
  if (name.includes('*')) return [`${name}=${value.replace(/[^!-~]/g, percent)}`];
  const segments = [''];
  for (const character of decodeText(value, charset)) {
    const encoded = /^[\w.-]$/.test(character)
      ? character
      : Buffer.from(character).toString('latin1').replace(/./gs, percent);
    const last = segments.length - 1;
    if ((segments[last]?.length ?? 0) + encoded.length > SEGMENT) segments.push(encoded);
    else segments[last] += encoded;
  }
  const [only = ''] = segments;
  if (segments.length === 1) return [`${name}*=utf-8''${only}`];
  return segments.map((segment, i) => `${name}*${i}*=${i === 0 ? "utf-8''" : ''}${segment}`);
}

function percent(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** At each semicolon that stands in no quotes and no comment. */
function splitOutside(field: string): readonly string[] {
  const pieces: string[] = [];
  let start = 0;
  let quoted = false;
  let depth = 0;
  for (let i = 0; i < field.length; i++) {
    const character = field[i];
    if (character === '\\') i++;
    else if (character === '"' && depth === 0) quoted = !quoted;
    else if (quoted) continue;
    else if (character === '(') depth++;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (character === ';' && depth === 0) {
      pieces.push(field.slice(start, i));
      start = i + 1;
    }
  }
  return [...pieces, field.slice(start)];
}

/** A bracket in quotes is no comment; one that does not close is text (a file name). */
function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\((?:[^()\\"]|\\.)*\)/gs, found =>
    found.startsWith('(') ? ' ' : found,
  );
}
