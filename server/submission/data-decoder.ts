// Message data off the wire (RFC 5321 §4.5.2): finds the end, exactly CRLF "." CRLF, and removes the dots that the client
// put in front of lines that begin with one. Any split of the input gives the same octets. Pure; nothing is copied but
// where dots are removed, so that a large attachment passes at the speed of memory.
// Like smtp-server's own, it removes a dot only before another one: a client that forgot to stuff loses nothing.

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
const LF_DOT = Buffer.from('\n.');

export type Decoded = Readonly<{
  /** Octets of the message, in order; they share memory with the chunk where they can. */
  pieces: readonly Buffer[];
  /** What follows the end of the message; null while the message goes on. */
  rest: Buffer | null;
}>;

export type DataDecoder = Readonly<{
  /** Not to be called again once `rest` was given. */
  push: (chunk: Buffer) => Decoded;
}>;

/**
 * What came before the next chunk, as far as it matters: CR; a line end (`strict`: CRLF, not a lone LF); a dot at the
 * beginning of a line, or a dot and CR, both withheld until it is known whether they are content.
 */
type Context = 'within' | 'cr' | 'line' | 'strict-line' | 'dot' | 'strict-dot' | 'dot-cr';

const HELD_DOT = Buffer.from('.');
const HELD_DOT_CR = Buffer.from('.\r');
/** Above this many pieces one copy is cheaper than their separate ways. */
const MANY = 4;

export function createDataDecoder(): DataDecoder {
  // RFC 5321 §4.1.1.4: the line end of the DATA command counts, so "." CRLF at once is an empty message.
  let context: Context = 'strict-line';

  /** Handles what may belong to a line end before this chunk. Returns where the rest of the chunk begins, or the end. */
  const settleBeginning = (
    chunk: Buffer,
    pieces: Buffer[],
  ): Readonly<{ position: number; ended: boolean }> => {
    let position = 0;
    for (; position < chunk.length; position++) {
      const octet = chunk[position];
      if (context === 'dot-cr' && octet === LF) return { position: position + 1, ended: true };
      const withheld = withholds(context, octet);
      if (withheld === null) break;
      context = withheld;
    }
    if (position === chunk.length) return { position, ended: false };
    // A dot before another dot was put there by the client: it goes. Any other was content.
    if (context === 'dot-cr') pieces.push(HELD_DOT_CR);
    else if ((context === 'dot' || context === 'strict-dot') && chunk[position] !== DOT)
      pieces.push(HELD_DOT);
    if (context !== 'cr') context = 'within';
    return { position, ended: false };
  };

  /** The octet before `index`; what was before `start` counts only as far as the context says. */
  const isAfterCr = (chunk: Buffer, index: number, start: number): boolean =>
    index > start ? chunk[index - 1] === CR : context === 'cr';

  const contextAfter = (chunk: Buffer, start: number): Context => {
    const last = chunk[chunk.length - 1];
    if (last === CR) return 'cr';
    if (last !== LF) return 'within';
    return isAfterCr(chunk, chunk.length - 1, start) ? 'strict-line' : 'line';
  };

  return {
    push: chunk => {
      const pieces: Buffer[] = [];
      const { position: start, ended } = settleBeginning(chunk, pieces);
      if (ended) return { pieces, rest: chunk.subarray(start) };
      if (start === chunk.length) return { pieces, rest: null };
      let from = start;
      for (let found = chunk.indexOf(LF_DOT, start); found >= 0; found = chunk.indexOf(LF_DOT, found + 1)) {
        const dot = found + 1;
        const means = meaningOf(chunk, dot, isAfterCr(chunk, found, start));
        if (means === 'content') continue;
        pieces.push(chunk.subarray(from, dot));
        from = dot + 1;
        if (means === 'end') return { pieces: few(pieces), rest: chunk.subarray(dot + 3) };
        if (means !== 'added') {
          context = means;
          return { pieces: few(pieces), rest: null };
        }
      }
      if (from < chunk.length) pieces.push(chunk.subarray(from));
      context = contextAfter(chunk, start);
      return { pieces: few(pieces), rest: null };
    },
  };
}

/** What a dot at the beginning of a line is; a context where the chunk ends too early to tell. */
function meaningOf(chunk: Buffer, dot: number, strict: boolean): 'content' | 'added' | 'end' | Context {
  const [one, two] = [chunk[dot + 1], chunk[dot + 2]];
  if (one === undefined) return strict ? 'strict-dot' : 'dot';
  if (one === DOT) return 'added';
  if (one !== CR || !strict) return 'content';
  if (two === undefined) return 'dot-cr';
  return two === LF ? 'end' : 'content';
}

/** The context after an octet that must wait for the next one; null when it need not. */
function withholds(context: Context, octet: number | undefined): Context | null {
  if (context === 'strict-line' && octet === DOT) return 'strict-dot';
  if (context === 'line' && octet === DOT) return 'dot';
  if (context === 'strict-dot' && octet === CR) return 'dot-cr';
  return null;
}

function few(pieces: readonly Buffer[]): readonly Buffer[] {
  return pieces.length > MANY ? [Buffer.concat(pieces)] : pieces;
}
