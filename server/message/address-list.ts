// Every address that some reader could find in a From or Sender field (RFC 5322 §3.4, §4.4): of mailboxes, groups and
// routes, with comments, but also what a careless reader takes for one: an address before the angle brackets
// (`x@y <z@w>`), in a comment, in an encoded word, or behind quotes that not everybody sees. A name in plain quotes is a
// name. What cannot be read in one way only is unreadable: for whoever judges a sender that is an answer too.

import { type Path, parsePath } from '../smtp/path.ts';
import { type AddressToken, tokenizeAddresses, type Unreadable, unreadable } from './address-tokens.ts';
import { decodeWords } from './encoded-words.ts';

export type FoundAddresses = Readonly<{ kind: 'found'; paths: readonly Path[] }> | Unreadable;

/** What an element of the list, or the field around the elements, gave. */
type Reading = Readonly<{
  kind: 'found';
  paths: readonly Path[];
  /** The places of those @ that are accounted for. */
  accounted: readonly number[];
}>;

/** Far more than any device sends as; and the length of so many. */
const MOST = 100;
const LONGEST = 16 * 1024;

/** What gives a text another structure once a reader has decoded it. */
const STRUCTURAL = /["\\()<>[\]@]/;
/** Readers disagree about what is in quotes where one of these is about. */
const DISPUTED = /[\\()[\]]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
/** Beside an @: what the most careless reader would take as part of the address. */
const BEFORE_AT = /[^\s<>,;:"()[\]\\@]+(?=\s*$)/;
const AFTER_AT = /(?<=^\s*)[^\s<>,;:"()[\]\\@]+/;
/** More than an address can have on one side. */
const SIDE = 400;

/** `value`: what follows the colon, unfolded. */
export function findAddresses(value: string): FoundAddresses {
  if (value.length > LONGEST) return unreadable(`is longer than ${LONGEST} characters`);
  const words = decodeWords(value);
  if (words === null) return unreadable('has encoded text that cannot be read here');
  if (CONTROL.test(value) || CONTROL.test(words.decoded)) return unreadable('has a control character');
  const tokens = tokenizeAddresses(value);
  if ('kind' in tokens) return tokens;
  const isDisguised = STRUCTURAL.test(words.decoded);
  const quotesAreNames = !isDisguised && !DISPUTED.test(value);
  const list = readList(tokens, quotesAreNames);
  if (list.kind === 'unreadable') return list;
  const strays = strayAddresses(value, new Set(list.accounted));
  return together(list, strays, ...(isDisguised ? [readDisguised(words.text)] : []));
}

/** What a reader finds who decodes first: no quotes of his protect a name, and he must come to an end as well. */
function readDisguised(decoded: string): FoundAddresses {
  const tokens = tokenizeAddresses(decoded);
  return 'kind' in tokens ? tokens : strayAddresses(decoded, new Set());
}

function together(...readings: readonly FoundAddresses[]): FoundAddresses {
  const paths = new Map<string, Path>();
  for (const reading of readings) {
    if (reading.kind === 'unreadable') return reading;
    for (const path of reading.paths) paths.set(path.text, path);
  }
  return { kind: 'found', paths: [...paths.values()] };
}

/** A group is read as the list of its members. */
function readList(tokens: readonly AddressToken[], quotesAreNames: boolean): Reading | Unreadable {
  const paths: Path[] = [];
  const accounted: number[] = [];
  let element: AddressToken[] = [];
  let inAngles = false;
  const end = { kind: 'special', text: ',', start: -1 } as const;
  for (const token of [...tokens, end]) {
    if (isSpecial(token, '<')) inAngles = true;
    else if (isSpecial(token, '>')) inAngles = false;
    const separates = token === end || (!inAngles && [',', ';', ':'].some(text => isSpecial(token, text)));
    if (!separates) {
      element.push(token);
      continue;
    }
    const reading = isSpecial(token, ':') ? readGroupName(element) : readMailbox(element, quotesAreNames);
    if (reading.kind === 'unreadable') return reading;
    paths.push(...reading.paths);
    accounted.push(...reading.accounted);
    if (paths.length > MOST) return unreadable(`has more than ${MOST} addresses`);
    element = [];
  }
  return { kind: 'found', paths, accounted };
}

const NOTHING: Reading = { kind: 'found', paths: [], accounted: [] };

function readGroupName(tokens: readonly AddressToken[]): Reading | Unreadable {
  return tokens.some(token => ['<', '>', '@'].some(text => isSpecial(token, text)))
    ? unreadable('has an address where the name of a group should be')
    : NOTHING;
}

/** `name <address>` or an address alone; empty elements are obsolete but harmless (§4.4). */
function readMailbox(tokens: readonly AddressToken[], quotesAreNames: boolean): Reading | Unreadable {
  const open = tokens.findIndex(token => isSpecial(token, '<'));
  if (open === -1) return tokens.length === 0 ? NOTHING : readAddress(tokens);
  const close = tokens.findIndex(token => isSpecial(token, '>'));
  if (close !== tokens.length - 1 || tokens.filter(token => isSpecial(token, '<')).length > 1)
    return unreadable('has angle brackets that do not belong together');
  const reading = readAddress(tokens.slice(open + 1, close));
  const name = readName(tokens.slice(0, open), quotesAreNames);
  if (reading.kind === 'unreadable') return reading;
  if (name.kind === 'unreadable') return name;
  return {
    kind: 'found',
    paths: [...reading.paths, ...name.paths],
    accounted: [...reading.accounted, ...name.accounted],
  };
}

/** What stands before the angle brackets; with an @ outside of quotes it must be an address itself, and counts as one. */
function readName(tokens: readonly AddressToken[], quotesAreNames: boolean): Reading | Unreadable {
  if (tokens.some(token => isSpecial(token, '@'))) return readAddress(tokens);
  const quoted = quotesAreNames ? tokens.filter(token => token.kind === 'quoted') : [];
  return { ...NOTHING, accounted: quoted.flatMap(placesOfAt) };
}

/** `local@domain`, with blanks and comments around its @, and with a route before it (§4.4). Blanks around dots are too old. */
function readAddress(tokens: readonly AddressToken[]): Reading | Unreadable {
  const colon = tokens.findIndex(token => isSpecial(token, ':'));
  const route = tokens.slice(0, Math.max(0, colon));
  if (colon !== -1 && !isRoute(route)) return unreadable('has a colon in an address');
  const spec = tokens.slice(colon + 1);
  const at = spec.findIndex(token => isSpecial(token, '@'));
  const sign = spec[at];
  if (sign === undefined)
    return unreadable('has a name, or an address without its domain, where an address should be');
  // RFC 2047 §5: no encoded word may stand there; some readers decode it all the same.
  if (spec.some(token => token.text.includes('=?'))) return unreadable('has encoded text in an address');
  const [local, , domain] = spec;
  if (at !== 1 || spec.length !== 3 || !local || !domain)
    return unreadable('has something beside an address that is in no angle brackets');
  const path = parsePath(`${local.text}@${domain.text}`, '');
  if ('kind' in path) return unreadable(`has an address that cannot be read: ${path.text}`);
  const routed = route.filter(token => isSpecial(token, '@'));
  return { kind: 'found', paths: [path], accounted: [sign, ...routed].map(token => token.start) };
}

/** `@one,@two` (obs-route). */
function isRoute(tokens: readonly AddressToken[]): boolean {
  const shape = tokens.map(token => (token.kind === 'text' ? 'd' : token.text)).join('');
  return /^,*@d(?:,(?:@d)?)*$/.test(shape);
}

/** The addresses around each @ that is not accounted for, as a reader would see them who knows no grammar. */
function strayAddresses(text: string, accounted: ReadonlySet<number>): FoundAddresses {
  const paths: Path[] = [];
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    if (accounted.has(at)) continue;
    const before = BEFORE_AT.exec(text.slice(Math.max(0, at - SIDE), at))?.[0] ?? '';
    const after = AFTER_AT.exec(text.slice(at + 1, at + 1 + SIDE))?.[0] ?? '';
    const path = parsePath(`${before}@${after}`, '');
    if ('kind' in path) return unreadable('has an @ that is not part of an address, outside of quotes');
    paths.push(path);
    if (paths.length > MOST) return unreadable(`has more than ${MOST} addresses`);
  }
  return { kind: 'found', paths };
}

function placesOfAt({ text, start }: AddressToken): readonly number[] {
  return [...text.matchAll(/@/g)].map(found => start + found.index);
}

function isSpecial(token: AddressToken, text: string): boolean {
  return token.kind === 'special' && token.text === text;
}
