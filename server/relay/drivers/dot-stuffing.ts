// The body of DATA on the wire (RFC 5321 §4.5.2): a dot at the start of a line is doubled, and a line with one dot
// ends it. Content comes with CRLF line ends; should a bare CR or LF have slipped in all the same, it becomes CRLF here,
// because an upstream that took it for a line end could be made to see a second message (SMTP smuggling). Pure.

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** The octet before the first: the body begins at the start of a line. */
export const START = LF;

/** All octets of the body with the final dot, ready for one write. */
export function dotStuffed(octets: Uint8Array): Buffer {
  const extra = countExtra(octets, START);
  const end = finalDot(octets[octets.length - 1] ?? START);
  const wire = Buffer.allocUnsafe(octets.length + extra + end.length);
  if (extra === 0) wire.set(octets);
  else writeStuffed(octets, START, wire);
  wire.write(end, octets.length + extra, 'latin1');
  return wire;
}

/** One piece of a body, which may be split anywhere. `previous`: the octet before it. */
export function stuffedPiece(octets: Uint8Array, previous: number): Uint8Array {
  const extra = countExtra(octets, previous);
  if (extra === 0) return octets;
  const wire = Buffer.allocUnsafe(octets.length + extra);
  writeStuffed(octets, previous, wire);
  return wire;
}

/** What ends a body whose last octet is `last`. */
export function finalDot(last: number): string {
  if (last === LF) return '.\r\n';
  return last === CR ? '\n.\r\n' : '\r\n.\r\n';
}

/** A CR counts as bare, and gets its LF, when the octet after it is seen not to be one. */
function countExtra(octets: Uint8Array, before: number): number {
  let extra = 0;
  let previous = before;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] ?? 0;
    if (octet === LF) {
      if (previous !== CR) extra++;
    } else {
      if (previous === CR) extra++;
      if (octet === DOT && (previous === LF || previous === CR)) extra++;
    }
    previous = octet;
  }
  return extra;
}

function writeStuffed(octets: Uint8Array, before: number, wire: Uint8Array): void {
  let at = 0;
  let previous = before;
  for (const octet of octets) {
    if (octet === LF && previous !== CR) wire[at++] = CR;
    if (octet !== LF && previous === CR) wire[at++] = LF;
    if (octet === DOT && (previous === LF || previous === CR)) wire[at++] = DOT;
    wire[at++] = octet;
    previous = octet;
  }
}
