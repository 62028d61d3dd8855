// A stored message on its way from a file to the wire: dot-stuffed, with the final dot behind it. A message that has
// another length than it should fails before its final dot: the upstream would take the half for the whole.

import { Transform } from 'node:stream';
import { finalDot, START, stuffedPiece } from './dot-stuffing.ts';

/** `octets`: the length that the stored message must have. `onEnd` is called before the final dot leaves. */
export function createBodyStream(octets: number, onEnd: () => void): Transform {
  let seen = 0;
  let previous = START;
  return new Transform({
    transform(piece: Uint8Array, _encoding, done) {
      seen += piece.length;
      if (seen > octets) return done(new Error(`it is longer than its ${octets} octets`));
      const wire = stuffedPiece(piece, previous);
      previous = piece[piece.length - 1] ?? previous;
      done(null, wire);
    },
    flush(done) {
      if (seen !== octets) return done(new Error(`${seen} of its ${octets} octets are there`));
      onEnd();
      done(null, Buffer.from(finalDot(previous), 'latin1'));
    },
  });
}
