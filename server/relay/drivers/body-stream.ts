// A stored message on its way from a file to the wire: dot-stuffed, with the final dot behind it. A message that has
// another length than it should fails before its final dot: the upstream would take the half for the whole.

import { Transform } from 'node:stream';
import { EMPTY_END, finalDot, stuffedPiece } from './dot-stuffing.ts';

/** `octets`: the length that the stored message must have. `onEnd` is called before the final dot leaves. */
export function createBodyStream(octets: number, onEnd: () => void): Transform {
  let seen = 0;
  let last: Uint8Array = EMPTY_END;
  return new Transform({
    transform(piece: Uint8Array, _encoding, done) {
      seen += piece.length;
      if (seen > octets) return done(new Error(`it is longer than its ${octets} octets`));
      const wire = stuffedPiece(piece, last[last.length - 1] ?? 0);
      last = Uint8Array.of(...last.subarray(-1), ...piece.subarray(-2)).subarray(-2);
      done(null, wire);
    },
    flush(done) {
      if (seen !== octets) return done(new Error(`${seen} of its ${octets} octets are there`));
      onEnd();
      done(null, Buffer.from(finalDot(last), 'latin1'));
    },
  });
}
