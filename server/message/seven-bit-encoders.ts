// The transfer encodings of RFC 2045 for bodies that stream through: quoted-printable (§6.7), base64 (§6.8), and for bodies
// that are encoded already the same with what does not belong there mended. What a reader decodes is the same as before,
// octet for octet. Any split of the input gives the same output. Pure.

export type BodyEncoder = Readonly<{
  push: (octets: Buffer) => Buffer;
  /** Once, after the last push. */
  end: () => Buffer;
}>;

const NOTHING = Buffer.alloc(0);
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;
const HEX = Buffer.from('0123456789ABCDEF');
/** Of a line, with the `=` of a soft line break. */
const LINE = 76;
/** Octets in a line of base64. */
const IN_LINE = 57;

export const asIs = (): BodyEncoder => ({ push: octets => octets, end: () => NOTHING });

/** CRLF is a line end and stays one. */
export function quotedPrintable(): BodyEncoder {
  let column = 0;
  /** A blank or a CR, whose form depends on what follows; -1: none. */
  let held = -1;

  const write = (input: Buffer, ended: boolean): Buffer => {
    // At most two octets for one of the input, each with a soft line break before it.
    const out = Buffer.allocUnsafe(12 * (input.length + 1));
    let at = 0;
    const put = (octet: number, literal: boolean) => {
      const width = literal ? 1 : 3;
      if (column + width > LINE - 1) {
        at += soft(out, at);
        column = 0;
      }
      if (literal) out[at++] = octet;
      else at += hex(out, at, octet);
      column += width;
    };
    const next = (octet: number) => {
      const isLineEnd = held === CR && octet === LF;
      // A blank at the end of a line would be lost on the way.
      if (held !== -1 && !isLineEnd) put(held, held !== CR && octet !== CR && octet !== -1);
      held = octet === CR || octet === SPACE || octet === TAB ? octet : -1;
      if (isLineEnd) {
        out[at++] = CR;
        out[at++] = LF;
        column = 0;
      } else if (held === -1 && octet !== -1) {
        put(octet, octet > SPACE && octet < 0x7f && octet !== EQUALS);
      }
    };
    for (const octet of input) next(octet);
    if (ended) next(-1);
    return out.subarray(0, at);
  };
  return { push: octets => write(octets, false), end: () => write(NOTHING, true) };
}

/** Lines of 76 characters, without a line end behind the last. */
export function base64(): BodyEncoder {
  let rest: Buffer = NOTHING;
  let lines = 0;
  const line = (octets: Buffer) => `${lines++ === 0 ? '' : '\r\n'}${octets.toString('base64')}`;
  return {
    push: octets => {
      const all = rest.length === 0 ? octets : Buffer.concat([rest, octets]);
      const whole = all.length - (all.length % IN_LINE);
      const out: string[] = [];
      for (let at = 0; at < whole; at += IN_LINE) out.push(line(all.subarray(at, at + IN_LINE)));
      rest = Buffer.from(all.subarray(whole));
      return Buffer.from(out.join(''), 'latin1');
    },
    end: () => (rest.length === 0 ? NOTHING : Buffer.from(line(rest), 'latin1')),
  };
}

/** Octets over 127 stand for themselves to every decoder; so does what is written here. */
export function mendedQuotedPrintable(): BodyEncoder {
  let column = 0;
  return {
    push: octets => {
      const out = Buffer.allocUnsafe(6 * octets.length);
      let at = 0;
      for (const octet of octets) {
        if (octet > 0x7f) {
          if (column + 3 > LINE - 1) {
            at += soft(out, at);
            column = 0;
          }
          at += hex(out, at, octet);
          column += 3;
        } else {
          out[at++] = octet;
          column = octet === LF ? 0 : column + 1;
        }
      }
      return out.subarray(0, at);
    },
    end: () => NOTHING,
  };
}

/** Decoders pass over what is no base64 (RFC 2045 §6.8), so it may go. */
export function mendedBase64(): BodyEncoder {
  return { push: octets => Buffer.from(octets.filter(octet => octet < 0x80)), end: () => NOTHING };
}

function soft(out: Buffer, at: number): number {
  out[at] = EQUALS;
  out[at + 1] = CR;
  out[at + 2] = LF;
  return 3;
}

function hex(out: Buffer, at: number, octet: number): number {
  out[at] = EQUALS;
  out[at + 1] = HEX[octet >> 4] ?? 0;
  out[at + 2] = HEX[octet & 15] ?? 0;
  return 3;
}
