// A field of addresses in ASCII: names and comments become encoded words (RFC 2047 §5), domains A-labels. An address whose
// local part is not ASCII cannot be said; where it is only shown (To, Cc), a group without members stands for it
// (RFC 6857 §3.1.6). A field that cannot be read is encoded word by word: wrong before, and no worse now. Pure.

import { type AddressToken, tokenizeAddresses } from './address-tokens.ts';
import { asciiPath } from './downgrade-path.ts';
import {
  type Charset,
  decodeText,
  encodeText,
  encodeWords,
  isEncodedWord,
  isPlain,
} from './downgrade-words.ts';

export type AsciiAddresses =
  | Readonly<{ kind: 'written'; value: string }>
  /** `address`: the one that cannot be said. */
  | Readonly<{ kind: 'unsayable'; address: string }>;

export type AddressOptions = Readonly<{
  charset: Charset;
  /** Whether a group may stand for an address that cannot be said. */
  mayHide: boolean;
}>;

/** `value`: what follows the colon, unfolded, one character an octet. */
export function asciiAddresses(value: string, options: AddressOptions): AsciiAddresses {
  if (isPlain(value)) return { kind: 'written', value };
  const tokens = tokenizeAddresses(value);
  if ('kind' in tokens) return { kind: 'written', value: encodeText(value, options.charset) };
  // A group cannot have groups in it.
  const mayHide = options.mayHide && !tokens.some(token => isSpecial(token, ':'));
  let written = '';
  for (const { text, tokens: own, separator } of elements(value, tokens)) {
    const element = isPlain(text) ? text : writeElement(text, own, { ...options, mayHide });
    if (typeof element !== 'string') return element;
    written += `${element}${separator}`;
  }
  return { kind: 'written', value: written };
}

/** `text`: with its comments and the blanks around it; `separator`: what stands behind it. */
type Element = Readonly<{ text: string; tokens: readonly AddressToken[]; separator: string }>;

function elements(value: string, tokens: readonly AddressToken[]): readonly Element[] {
  const found: Element[] = [];
  let own: AddressToken[] = [];
  let start = 0;
  let inAngles = false;
  for (const token of tokens) {
    if (isSpecial(token, '<')) inAngles = true;
    else if (isSpecial(token, '>')) inAngles = false;
    if (inAngles || ![',', ';', ':'].some(text => isSpecial(token, text))) {
      own.push({ ...token, start: token.start - start });
      continue;
    }
    found.push({ text: value.slice(start, token.start), tokens: own, separator: token.text });
    start = token.start + 1;
    own = [];
  }
  return [...found, { text: value.slice(start), tokens: own, separator: '' }];
}

/** A name with an address in angle brackets, an address alone, or the name of a group. */
function writeElement(
  text: string,
  tokens: readonly AddressToken[],
  options: AddressOptions,
): string | Extract<AsciiAddresses, { kind: 'unsayable' }> {
  const open = tokens.findIndex(token => isSpecial(token, '<'));
  const hasAddress = open !== -1 || tokens.some(token => isSpecial(token, '@'));
  const name = hasAddress ? tokens.slice(0, Math.max(0, open)) : tokens;
  const comments = commentsOf(text, tokens, options.charset);
  const pieces = [writeName(name, options.charset)];
  if (hasAddress) {
    const inner = tokens.slice(open + 1).filter(token => !isSpecial(token, '>'));
    const address = decodeText(inner.map(token => token.text).join(''), options.charset);
    const ascii = asciiPath(address);
    if (ascii === null && !options.mayHide) return { kind: 'unsayable', address };
    // Blanks between two encoded words are not shown.
    if (ascii === null) pieces.push(`${encodeWords(pieces[0] === '' ? address : ` ${address}`)} :;`);
    else pieces.push(open === -1 ? ascii : `<${ascii}>`);
  }
  const blank = /^[ \t]*/.exec(text)?.[0] ?? '';
  return `${blank}${[...pieces, ...comments].filter(piece => piece !== '').join(' ')}`;
}

/** Words and quoted strings; encoded words that are there already stay. */
function writeName(tokens: readonly AddressToken[], charset: Charset): string {
  if (tokens.every(token => isPlain(token.text))) return tokens.map(token => token.text).join(' ');
  const written: string[] = [];
  let run: string[] = [];
  const end = () => {
    const text = decodeText(run.join(' '), charset);
    // Blanks between two encoded words are not shown.
    const shown = written.length > 0 ? ` ${text}` : text;
    if (run.length > 0) written.push(encodeWords(shown));
    run = [];
  };
  for (const token of tokens) {
    if (token.kind === 'text' && isEncodedWord(token.text)) {
      if (run.length > 0) run.push('');
      end();
      written.push(token.text);
    } else {
      run.push(token.kind === 'quoted' ? token.text.slice(1, -1).replace(/\\(.)/g, '$1') : token.text);
    }
  }
  end();
  return written.join(' ');
}

/** They stand between the tokens, where else only blanks are. */
function commentsOf(text: string, tokens: readonly AddressToken[], charset: Charset): readonly string[] {
  const ends = tokens.map(token => token.start + token.text.length);
  return [0, ...ends].flatMap((from, i) => {
    const gap = text.slice(from, tokens[i]?.start ?? text.length).trim();
    return gap === '' ? [] : [writeComment(gap, charset)];
  });
}

/** One comment or several, as `(text)`. */
export function writeComment(comment: string, charset: Charset): string {
  if (isPlain(comment)) return comment;
  const inner = comment.replace(/^\(|\)$/g, '').replace(/\\(.)/g, '$1');
  return `(${encodeWords(decodeText(inner, charset))})`;
}

function isSpecial(token: AddressToken, text: string): boolean {
  return token.kind === 'special' && token.text === text;
}
