// The body of DATA on the wire (RFC 5321 §4.5.2): a dot at the start of a line is doubled, and a line with one dot ends it.
// Stored content has CRLF line ends only (message/line-endings.ts). Should a bare CR or LF stand in it all the same, a dot
// after it is doubled too: an upstream that takes it for a line end sees no end of data there (SMTP smuggling). Pure, and
// at the speed of memory: a large attachment is searched, not read octet by octet.

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const LF_DOT = Buffer.from('\n.');
const CR_DOT = Buffer.from('\r.');

/** The octet before the first: the body begins at the start of a line. */
export const START = LF;
/** The last octets of an empty body: a whole line end. */
export const EMPTY_END: Uint8Array = Uint8Array.of(CR, LF);

/** All octets of the body with the final dot, ready for one write. */
export function dotStuffed(octets: Uint8Array): Buffer {
  const stuffed = stuffedPiece(octets, START);
  const end = finalDot(octets.length === 0 ? EMPTY_END : octets.subarray(-2));
  const wire = Buffer.allocUnsafe(stuffed.length + end.length);
  wire.set(stuffed);
  wire.write(end, stuffed.length, 'latin1');
  return wire;
}

/** One piece of a body, which may be split anywhere. `previous`: the octet before it. */
export function stuffedPiece(octets: Uint8Array, previous: number): Uint8Array {
  const dots = dotsAtLineStarts(octets, previous);
  if (dots.length === 0) return octets;
  const wire = Buffer.allocUnsafe(octets.length + dots.length);
  let from = 0;
  let at = 0;
  for (const dot of dots) {
    wire.set(octets.subarray(from, dot), at);
    at += dot - from;
    wire[at++] = DOT;
    from = dot;
  }
  wire.set(octets.subarray(from), at);
  return wire;
}

/** What ends a body whose last octets (two, or all it has) are `last`: never to be taken for a part of its last line. */
export function finalDot(last: Uint8Array): string {
  const octet = last[last.length - 1];
  if (octet === LF && last[last.length - 2] === CR) return '.\r\n';
  return octet === CR ? '\n.\r\n' : '\r\n.\r\n';
}

/** Where the dots stand, in order. */
function dotsAtLineStarts(octets: Uint8Array, previous: number): readonly number[] {
  const view = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const dots = [...placesAfter(view, LF_DOT), ...placesAfter(view, CR_DOT)];
  if (view[0] === DOT && (previous === LF || previous === CR)) dots.push(0);
  return dots.sort((a, b) => a - b);
}

function placesAfter(view: Buffer, pair: Buffer): readonly number[] {
  const places: number[] = [];
  for (let found = view.indexOf(pair); found >= 0; found = view.indexOf(pair, found + 1))
    places.push(found + 1);
  return places;
}
