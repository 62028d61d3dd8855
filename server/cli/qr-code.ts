// An address as a QR code in the terminal, for a telephone's camera. The only importer of uqr.

import { renderUnicodeCompact } from 'uqr';
import type { Screen } from './terminal.ts';

/** The light border that readers need (ISO/IEC 18004: four modules; two are enough beside the black of a terminal). */
const BORDER = 2;
/** Octets. The largest code has room for 2953, and such a one fits no screen. */
const LONGEST = 2000;
/** White on black whatever the terminal's own colours are: the light modules are the ones that are drawn. */
const COLOURS = '\u001b[38;5;231;48;5;16m';
const PLAIN = '\u001b[0m';

/** Lines without the last line end. Null: it does not fit, or the terminal cannot show the blocks. */
export function qrCode(
  address: string,
  screen: Pick<Screen, 'columns' | 'unicode' | 'colours'>,
): string | null {
  if (!screen.unicode || Buffer.byteLength(address) > LONGEST) return null;
  const lines = renderUnicodeCompact(address, { border: BORDER }).split('\n');
  const width = lines[0]?.length ?? 0;
  if (width > screen.columns()) return null;
  return lines.map(line => (screen.colours ? `${COLOURS}${line}${PLAIN}` : line)).join('\n');
}
