// Which names an account may have, and names proposed where the operator gives none.
// Any printable name is valid: spaces, `$`, `#`, emoji, an e-mail address. Proposed ones are short and plain, because the
// poorest devices take 4 to 16 letters and digits that begin with a letter (device-quirks.md row 7).

import type { RandomBytes } from '../ids.ts';
import { canonicalName } from '../sasl/credential-text.ts';

/** Octets in UTF-8: RFC 4616 §2 lets a server stop at 255. */
const MAX_NAME = 255;

/**
 * Controls, line ends, surrogates, private and non-characters, the replacement character; and the bidirectional
 * controls, which make one name look like another. Unassigned code points pass: they may be tomorrow's emoji.
 */
const NOT_PRINTABLE =
  /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Bidi_Control}\ufff9-\ufffd]/u;

const PROPOSAL_WORD = 'device';
/** Without look-alikes (0 o, 1 i l, 2 z, 5 s, 8 b), for a printer's screen and a telephone. */
const PROPOSAL_DIGITS = 'acdefghjkmnpqrtuvwxy3467';
const PROPOSAL_LENGTH = 5;

/** Why a name cannot be used, in words for the operator; null where it can. */
export function nameProblem(name: string): string | null {
  if (canonicalName(name) === '')
    return 'The account name is empty: give it a name that the device will log in with.';
  if (canonicalName(name) === '*')
    return 'The account name "*" stands for any account elsewhere: choose another one.';
  if (NOT_PRINTABLE.test(name))
    return 'The account name contains a character that cannot be printed: remove it and try again.';
  if (Buffer.byteLength(name) > MAX_NAME || Buffer.byteLength(canonicalName(name)) > MAX_NAME)
    return `The account name is longer than ${MAX_NAME} octets: choose a shorter one.`;
  return null;
}

/** A login that matches ^[a-z][a-z0-9]{3,15}$, for example `devicek7m3x`. The caller checks that it is free. */
export function proposeName(random: RandomBytes): string {
  // 24 does not divide 256 evenly; a name is no secret, so the slight preference does no harm.
  const digits = Array.from(random(PROPOSAL_LENGTH), octet =>
    PROPOSAL_DIGITS.charAt(octet % PROPOSAL_DIGITS.length),
  );
  return PROPOSAL_WORD + digits.join('');
}
