// Whether a line separates parts (RFC 2046 §5.1.1): two dashes, the boundary of a multipart that is open, two more at its
// end, and blanks. An outer boundary ends the inner multiparts too, should their own end be missing. Pure.

/** A multipart that is open. */
export type Level = Readonly<{
  /** Two dashes and the boundary. */
  line: Buffer;
  /** Such as `multipart/digest`. */
  type: string;
  /** It stands in the signed part of a multipart/signed. */
  signed: boolean;
}>;

/** A boundary has at most 70 characters; a line longer than this is none. */
export const MAX_BOUNDARY_LINE = 1000;

/**
 * Whether a boundary may begin at `start`: no octet that is there contradicts it. Cheap, because a hostile body can have a
 * line that begins like a boundary every few octets.
 */
export function mayBeBoundary(octets: Buffer, start: number, levels: readonly Level[]): boolean {
  if (start >= octets.length) return false;
  return levels.some(({ line }) => {
    // The dashes are the same for all; the octet behind them seldom is.
    const next = octets[start + 2];
    if (next !== undefined && next !== line[2]) return false;
    const length = Math.min(line.length, octets.length - start);
    return octets.compare(line, 0, length, start, start + length) === 0;
  });
}

/** `line` may end with its CRLF. The innermost level that it belongs to; null where it is text. */
export function isBoundary(
  line: Buffer,
  levels: readonly Level[],
): Readonly<{ level: number; closes: boolean }> | null {
  if (line.length > MAX_BOUNDARY_LINE) return null;
  for (let level = levels.length - 1; level >= 0; level--) {
    const mark = levels[level]?.line;
    if (mark === undefined || !line.subarray(0, mark.length).equals(mark)) continue;
    const behind = line.toString('latin1', mark.length);
    if (/^[ \t]*\r?\n?$/.test(behind)) return { level, closes: false };
    if (/^--[ \t]*\r?\n?$/.test(behind)) return { level, closes: true };
  }
  return null;
}
