// What the octets of one body are: 7-bit or not, UTF-8 or not, and how long their lines. Pure, at the speed of memory for
// what is ASCII.

import { isAscii } from 'node:buffer';

export type Survey = Readonly<{
  push: (octets: Buffer) => void;
  /** There are octets over 127. */
  eightBit: () => boolean;
  /** All octets are valid UTF-8. Call it last. */
  utf8: () => boolean;
  /** In octets, without the line end. */
  longestLine: () => number;
}>;

export function createSurvey(): Survey {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let eightBit = false;
  let utf8 = true;
  let longest = 0;
  /** Octets of the line that has not ended. */
  let open = 0;

  const decodes = (octets: Buffer | undefined): boolean => {
    try {
      decoder.decode(octets, { stream: octets !== undefined });
      return true;
    } catch {
      return false;
    }
  };

  const measureLines = (octets: Buffer) => {
    let start = 0;
    for (let lf = octets.indexOf(0x0a); lf !== -1; lf = octets.indexOf(0x0a, start)) {
      // The CR before it is no part of the line.
      longest = Math.max(longest, open + lf - start - 1);
      open = 0;
      start = lf + 1;
    }
    open += octets.length - start;
    longest = Math.max(longest, open - 1);
  };

  return {
    push: octets => {
      const ascii = isAscii(octets);
      eightBit ||= !ascii;
      // A character may be cut in two by the chunks: once there was one, every octet is looked at.
      if (utf8 && eightBit) utf8 = decodes(octets);
      measureLines(octets);
    },
    eightBit: () => eightBit,
    utf8: () => utf8 && decodes(undefined),
    longestLine: () => longest,
  };
}
