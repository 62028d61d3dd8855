// Makes every line end CRLF while octets stream through, so that what is stored and relayed can never smuggle a second
// message past a reader with other ideas of a line (rfc-checklist D.2). Bare LF and bare CR become CRLF, CR CR LF (a line
// end that went through a Windows text file) becomes one CRLF, and a message that is not empty ends with CRLF.
// Any split of the input gives the same octets. Chunks that are right already are passed on, not copied.
// NULs and all else stay: what a message contains is not ours to judge.

export type LineEndings = Readonly<{
  /** The octets to pass on, in order. Pieces may share memory with `chunk`. */
  push: (chunk: Uint8Array) => readonly Buffer[];
  /** What is still owed once the last chunk was pushed. */
  end: () => readonly Buffer[];
}>;

const LF = 0x0a;
const CR = 0x0d;
const CRLF = Buffer.from('\r\n');
/** A run of CRs is held back until what follows is known: two of them, as the first of three is a line end for certain. */
const MAX_HELD = 2;

export function createLineEndings(): LineEndings {
  /** CRs at the end of what was pushed. */
  let held = 0;
  /** Of what was passed on. */
  let last = LF;

  const split = (octets: Buffer): readonly Buffer[] => {
    const pieces: Buffer[] = [];
    let rest = octets;
    // A CRLF cut in two by the chunking is no reason to copy the chunk.
    if (held > 0 && rest[0] === LF) {
      pieces.push(CRLF);
      rest = rest.subarray(1);
      held = 0;
    }
    const trailing = held === 0 && rest.length > 0 && rest[rest.length - 1] === CR ? 1 : 0;
    const body = rest.subarray(0, rest.length - trailing);
    if (held === 0 && isCanonical(body)) {
      held = trailing;
      pieces.push(body);
    } else {
      const rewritten = rewrite(rest, held);
      held = rewritten.held;
      pieces.push(rewritten.octets);
    }
    return pieces;
  };

  return {
    push: chunk => {
      const pieces = split(asBuffer(chunk)).filter(piece => piece.length > 0);
      last = pieces.at(-1)?.at(-1) ?? last;
      return pieces;
    },
    end: () => {
      const owed = held > 0 ? held : last === LF ? 0 : 1;
      held = 0;
      last = LF;
      return owed === 0 ? [] : [Buffer.alloc(CRLF.length * owed, CRLF)];
    },
  };
}

/** The same memory as a Buffer, whose indexOf is many times faster than a loop. */
function asBuffer(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}

/** `held` is the number of CRs before `octets`; the result says how many are held back at its end. */
function rewrite(octets: Buffer, held: number): Readonly<{ octets: Buffer; held: number }> {
  const out = Buffer.allocUnsafe(2 * (octets.length + held));
  let length = 0;
  let crs = held;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] ?? 0;
    if (octet === CR && crs < MAX_HELD) {
      crs++;
      continue;
    }
    // What ends a line for certain: the first of three CRs, the LF with the CRs before it, each CR before text.
    const lineEnds = octet === CR || octet === LF ? 1 : crs;
    for (let n = 0; n < lineEnds; n++) {
      out[length++] = CR;
      out[length++] = LF;
    }
    if (octet === CR) continue;
    crs = 0;
    if (octet !== LF) out[length++] = octet;
  }
  return { octets: out.subarray(0, length), held: crs };
}

/** True when each CR is followed by LF and each LF preceded by CR. */
function isCanonical(octets: Buffer): boolean {
  let position = 0;
  for (;;) {
    const lf = octets.indexOf(LF, position);
    const cr = octets.indexOf(CR, position);
    if (cr === -1) return lf === -1;
    if (lf !== cr + 1) return false;
    position = lf + 1;
  }
}
