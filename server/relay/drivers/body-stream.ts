// A stored message on its way from a file to the wire: converted where the upstream needs that, dot-stuffed, with the final
// dot behind it. Octets that are not those that were stored (stored-content.ts) fail before the final dot: the upstream
// would take them for the message.

import { Transform } from 'node:stream';
import type { Conversion } from '../../message/downgrade.ts';
import { EMPTY_END, finalDot, stuffedPiece } from './dot-stuffing.ts';
import { createStoredContent, type Expected } from './stored-content.ts';

/** `onEnd` is called before the final dot leaves. */
export function createBodyStream(
  expected: Expected,
  onEnd: () => void,
  conversion: Conversion | null = null,
): Transform {
  const stored = createStoredContent(expected);
  let last: Uint8Array = EMPTY_END;

  const send = (pieces: readonly Uint8Array[]) => {
    for (const piece of pieces) {
      if (piece.length === 0) continue;
      const wire = stuffedPiece(piece, last[last.length - 1] ?? 0);
      last = Uint8Array.of(...last.subarray(-1), ...piece.subarray(-2)).subarray(-2);
      body.push(wire);
    }
  };
  const convert = (octets: Uint8Array) => send(conversion === null ? [octets] : conversion.push(octets));

  const body = new Transform({
    transform(piece: Uint8Array, _encoding, done) {
      const octets = stored.take(piece);
      if (octets === null) return done(new Error(stored.problem() ?? ''));
      convert(octets);
      done();
    },
    flush(done) {
      const problem = stored.problem();
      if (problem !== null) return done(new Error(problem));
      if (conversion !== null) send(conversion.end());
      onEnd();
      done(null, Buffer.from(finalDot(last), 'latin1'));
    },
  });
  convert(stored.begin);
  return body;
}
