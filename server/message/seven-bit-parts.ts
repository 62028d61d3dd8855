// Takes a message apart along its MIME structure (RFC 2045, 2046) while its octets stream through: heads, bodies, the
// boundaries between them, and the margins (preamble, epilogue) that nobody reads. Laid end to end the pieces are the octets
// that came in, whatever the split of the input. Holds back one head or one line, never a body. A structure beyond all
// reason ends in `trouble`; what came before it stands.

import { isBoundary, type Level, MAX_BOUNDARY_LINE, mayBeBoundary } from './seven-bit-boundary.ts';
import { type PartHead, readHead } from './seven-bit-head.ts';

export type Piece =
  | Readonly<{ kind: 'head'; head: PartHead }>
  /** Of the leaf whose head came last. */
  | Readonly<{ kind: 'body'; octets: Buffer }>
  /** Before the first or behind the last part of a multipart. `signed`: a signature covers it. */
  | Readonly<{ kind: 'margin'; octets: Buffer; signed: boolean }>
  /** With the CRLF before it, which is a part of it (RFC 2046 §5.1.1). */
  | Readonly<{ kind: 'boundary'; octets: Buffer }>
  | Readonly<{ kind: 'trouble'; why: Trouble }>;

export type Trouble = 'header-too-large' | 'too-many-parts' | 'too-deep';

export type PartScanner = Readonly<{
  push: (chunk: Uint8Array) => readonly Piece[];
  /** Once, after the last push. */
  end: () => readonly Piece[];
}>;

/** More than any honest message has; each costs memory until its end. */
const MAX_PARTS = 1000;
const MAX_DEPTH = 10;

const MARK = Buffer.from('\r\n--');
const DASHES = Buffer.from('--');
const LF = 0x0a;

type Mark = Readonly<{ place: number; lineStart: number }>;

type State =
  | Readonly<{ at: 'head'; isMessage: boolean }>
  | Readonly<{ at: 'body' }>
  | Readonly<{ at: 'margin'; signed: boolean }>
  | Readonly<{ at: 'trouble' }>;

export function createPartScanner(): PartScanner {
  const levels: Level[] = [];
  let state: State = { at: 'head', isMessage: true };
  let rest: Buffer = Buffer.alloc(0);
  let parts = 0;
  /** The octets in `rest` begin a line: a boundary may stand there without a CRLF before it. */
  let atLineStart = true;

  const take = (octets: number): Buffer => {
    const taken = rest.subarray(0, octets);
    rest = rest.subarray(octets);
    return taken;
  };

  /** Each step takes what it can understand and returns whether there may be more to do. */
  const step = (pieces: Piece[], ended: boolean): boolean => {
    if (state.at === 'trouble') return false;
    return state.at === 'head' ? stepHead(pieces, state.isMessage, ended) : stepBody(pieces, ended);
  };

  const stepHead = (pieces: Piece[], isMessage: boolean, ended: boolean): boolean => {
    const head = readHead(rest, { isMessage, levels, index: parts, ended });
    if (head === null) return false;
    if (head.kind === 'header-too-large') return stop(pieces, head.kind);
    if (++parts > MAX_PARTS) return stop(pieces, 'too-many-parts');
    take(head.octets.length);
    pieces.push({ kind: 'head', head });
    atLineStart = true;
    return enter(pieces, head);
  };

  /** What follows a head. */
  const enter = (pieces: Piece[], head: PartHead): boolean => {
    if (head.kind === 'message') {
      state = { at: 'head', isMessage: true };
    } else if (head.kind === 'leaf') {
      state = { at: 'body' };
    } else {
      if (levels.length >= MAX_DEPTH) return stop(pieces, 'too-deep');
      const { boundary, type, signed } = head;
      const boundaryLine = Buffer.from(`--${boundary}`, 'latin1');
      levels.push({ line: boundaryLine, type, signed });
      state = { at: 'margin', signed };
    }
    return true;
  };

  const stepBody = (pieces: Piece[], ended: boolean): boolean => {
    if (levels.length === 0) {
      pass(pieces, take(rest.length));
      return false;
    }
    // Too few octets to tell whether they begin a boundary.
    if (atLineStart && rest.length < DASHES.length && !ended) return false;
    const mark = findMark();
    if (mark === null) {
      // What may be the beginning of a mark stays here.
      const kept = ended ? 0 : Math.min(rest.length, MARK.length - 1);
      pass(pieces, take(rest.length - kept));
      return false;
    }
    return stepMark(pieces, mark, ended);
  };

  /** Where a line begins that may be a boundary, and the CRLF before it. */
  const findMark = (): Mark | null => {
    if (atLineStart && mayBeBoundary(rest, 0, levels)) return { place: 0, lineStart: 0 };
    for (let place = rest.indexOf(MARK); place !== -1; place = rest.indexOf(MARK, place + 2)) {
      if (mayBeBoundary(rest, place + 2, levels)) return { place, lineStart: place + 2 };
    }
    return null;
  };

  /** A line that may be a boundary of one of the levels, or text. */
  const stepMark = (pieces: Piece[], { place, lineStart }: Mark, ended: boolean): boolean => {
    const lf = rest.indexOf(LF, lineStart);
    if (lf === -1 && !ended && rest.length - lineStart < MAX_BOUNDARY_LINE) {
      if (place > 0) pass(pieces, take(place));
      return false;
    }
    const lineEnd = lf === -1 ? rest.length : lf + 1;
    const found = isBoundary(rest.subarray(lineStart, lineEnd), levels);
    if (found === null) {
      // Past the dashes, so that the same mark is not found again.
      pass(pieces, take(lineStart + DASHES.length));
      return true;
    }
    pass(pieces, take(place));
    pieces.push({ kind: 'boundary', octets: take(lineEnd - place) });
    const signed = levels[found.level]?.signed ?? false;
    levels.length = found.closes ? found.level : found.level + 1;
    state = found.closes ? { at: 'margin', signed } : { at: 'head', isMessage: false };
    atLineStart = true;
    return true;
  };

  const pass = (pieces: Piece[], octets: Buffer) => {
    if (octets.length === 0) return;
    atLineStart = false;
    if (state.at === 'margin') pieces.push({ kind: 'margin', octets, signed: state.signed });
    else pieces.push({ kind: 'body', octets });
  };

  const stop = (pieces: Piece[], why: Trouble): false => {
    pieces.push({ kind: 'trouble', why });
    state = { at: 'trouble' };
    return false;
  };

  const run = (ended: boolean): readonly Piece[] => {
    const pieces: Piece[] = [];
    while (step(pieces, ended));
    return pieces;
  };

  return {
    push: chunk => {
      rest = rest.length === 0 ? asBuffer(chunk) : Buffer.concat([rest, chunk]);
      return run(false);
    },
    end: () => run(true),
  };
}

function asBuffer(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}
