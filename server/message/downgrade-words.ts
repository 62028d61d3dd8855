// Text of a header in ASCII: encoded words (RFC 2047), always of UTF-8, and folded lines. Texts come as one character an
// octet, because raw 8-bit headers say nothing of their character set: UTF-8 where they are valid UTF-8, else windows-1252,
// which is what devices of the West send. Pure.

import { isUtf8 } from 'node:buffer';

export type Charset = 'utf-8' | 'windows-1252';

/** RFC 2047 §2: 75 characters, without what stands around the text. */
const ROOM = 75 - '=?utf-8?q?'.length - '?='.length;
/** RFC 5322 §2.1.1 asks for 78 characters in a line; an encoded word's line has at most 76. */
const LINE = 76;

const ENCODED_WORD = /^=\?[^?\s]{1,64}\?[bq]\?[^?\s]*\?=$/i;

/** Nothing but ASCII, and so nothing to do. `text`: one character an octet. */
export function isPlain(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}

export function guessCharset(octets: Uint8Array): Charset {
  return isUtf8(octets) ? 'utf-8' : 'windows-1252';
}

/** Made once, because that costs more than most texts. */
const DECODERS = {
  'utf-8': new TextDecoder('utf-8', { ignoreBOM: true }),
  'windows-1252': new TextDecoder('windows-1252', { ignoreBOM: true }),
};

/** `text`: one character an octet. */
export function decodeText(text: string, charset: Charset): string {
  return DECODERS[charset].decode(Buffer.from(text, 'latin1'));
}

/** What is not known to be a structure: words of ASCII stay as they are, and the others become encoded words. */
export function encodeText(text: string, charset: Charset): string {
  if (isPlain(text)) return text;
  const runs: string[] = [];
  const words = text.match(/[ \t]*[^ \t]+/g) ?? [];
  for (let i = 0; i < words.length; ) {
    const last = endOfRun(words, i);
    if (last < i) {
      runs.push(words[i++] ?? '');
      continue;
    }
    runs.push(encodeRun(words, i, last, charset));
    i = last + 1;
  }
  return runs.join('');
}

/**
 * Encoded words with blanks between them. `text` is not ASCII only. Blanks at its ends are kept inside, because those
 * between two encoded words are not shown (RFC 2047 §6.2).
 */
export function encodeWords(text: string): string {
  const inQ = lengthInQ(text) <= lengthInB(Buffer.byteLength(text));
  const encode = inQ ? wordInQ : wordInB;
  const words: string[] = [];
  let piece = '';
  let cost = 0;
  for (const character of text) {
    const more = inQ ? lengthInQ(character) : Buffer.byteLength(character);
    if ((inQ ? cost + more : lengthInB(cost + more)) > ROOM) {
      words.push(encode(piece));
      piece = '';
      cost = 0;
    }
    piece += character;
    cost += more;
  }
  return [...words, encode(piece)].join(' ');
}

export function isEncodedWord(word: string): boolean {
  return ENCODED_WORD.test(word.trim());
}

/** A whole field. A line is broken before a blank, so that unfolding gives the same value. */
export function foldField(name: string, value: string): string {
  const lines: string[] = [];
  let line = `${name}:`;
  for (const piece of ` ${value.trim()}`.match(/[ \t]+[^ \t]+/g) ?? []) {
    if (line.length + piece.length > LINE && line !== `${name}:`) {
      lines.push(line);
      line = piece;
    } else {
      line += piece;
    }
  }
  return `${[...lines, line].join('\r\n')}\r\n`;
}

/** The last of the words from `first` on that are encoded together; `first - 1` where that word is none to encode. */
function endOfRun(words: readonly string[], first: number): number {
  let last = first - 1;
  if (isPlain(words[first] ?? '')) return last;
  for (let i = first; i < words.length && !isEncodedWord(words[i] ?? ''); i++) {
    if (!isPlain(words[i] ?? '')) last = i;
  }
  return last;
}

function encodeRun(words: readonly string[], first: number, last: number, charset: Charset): string {
  const text = words.slice(first, last + 1).join('');
  const blank = /^[ \t]*/.exec(text)?.[0] ?? '';
  const after = first > 0 && isEncodedWord(words[first - 1] ?? '');
  const next = words[last + 1] ?? '';
  const before = isEncodedWord(next) ? (/^[ \t]*/.exec(next)?.[0] ?? '') : '';
  const shown = `${after ? blank : ''}${text.slice(blank.length)}${before}`;
  return `${blank}${encodeWords(decodeText(shown, charset))}`;
}

/** A letter for a letter where it may stand in a phrase (RFC 2047 §5), a blank as an underscore. */
function wordInQ(text: string): string {
  const octets = Buffer.from(text).toString('latin1');
  const encoded = octets.replace(/[^\w!*+\-/]|_/g, octet =>
    octet === ' ' ? '_' : `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return `=?utf-8?q?${encoded}?=`;
}

function wordInB(text: string): string {
  return `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;
}

function lengthInQ(text: string): number {
  const literal = text.match(/[A-Za-z0-9!*+\-/ ]/g)?.length ?? 0;
  return literal + 3 * (Buffer.byteLength(text) - literal);
}

function lengthInB(octets: number): number {
  return 4 * Math.ceil(octets / 3);
}
