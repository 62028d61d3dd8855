// What the octets of a name or password mean, and the one form in which two of them are compared (DESIGN.md §5).
// Octets are strict UTF-8, else windows-1252, so every sequence has a meaning and two different ones are never merged by
// replacement characters. Never throws. It does not judge whether a name is allowed: accounts/account-name.ts does.

/** WHATWG's windows-1252 for 0x80–0x9F; elsewhere the octet is the code point. Own table: not every Node has ICU's. */
const WINDOWS_1252 =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

/** RFC 3454 table C.1.2, which RFC 4013 §2.1 maps to a space. U+200B stands in B.1 too; implementations take this one. */
const NON_ASCII_SPACE = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;

/** RFC 3454 table B.1, "commonly mapped to nothing" (RFC 4013 §2.1): soft hyphen, joiners, variation selectors, BOM. */
const MAPPED_TO_NOTHING =
  /\u00ad|\u034f|\u1806|\u180b|\u180c|\u180d|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;

// A byte order mark is kept here; the canonical form drops it wherever it stands.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a credential's octets: strict UTF-8 (no overlong forms, no surrogates), else windows-1252. */
export function decodeText(octets: Uint8Array): string {
  try {
    return utf8.decode(octets);
  } catch {
    const latin1 = Buffer.from(octets).toString('latin1');
    return latin1.replace(/[\x80-\x9f]/g, c => WINDOWS_1252.charAt(c.charCodeAt(0) - 0x80));
  }
}

/** The octets that `decodeText` would read as windows-1252; null where the text has characters that it lacks. */
export function encodeWindows1252(text: string): Uint8Array | null {
  const octets: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const high = WINDOWS_1252.indexOf(text.charAt(i));
    if (high >= 0) octets.push(0x80 + high);
    else if (unit < 0x80 || (unit > 0x9f && unit <= 0xff)) octets.push(unit);
    else return null;
  }
  return Uint8Array.from(octets);
}

/** The canonical form of a password: SASLprep's mappings and NFKC (RFC 4013 §2.1, §2.2), letter case kept. */
export function canonicalPassword(text: string): string {
  return prepare(text).normalize('NFKC');
}

/**
 * The canonical form of a name: as a password's, without case and without blanks at either end.
 * Case folding is Unicode's full one, apart from any locale: `ß`, `ẞ` and `SS` are the same, `ı` and `i` are not.
 */
export function canonicalName(text: string): string {
  // Decomposed before folding and composed after: so it is stable (Unicode §3.13, NFKC_Casefold).
  return foldCase(prepare(text).normalize('NFKD')).normalize('NFKC').trim();
}

/** Whether the octets of two names mean the same account. */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (Buffer.from(a).equals(b)) return true;
  return canonicalName(decodeText(a)) === canonicalName(decodeText(b));
}

function prepare(text: string): string {
  return text.replace(NON_ASCII_SPACE, ' ').replace(MAPPED_TO_NOTHING, '');
}

/** A sigma is folded the same at the end of a word; nothing else depends on its neighbours. Dotless i stays itself. */
function foldCase(text: string): string {
  const folded = text.split('ı').map(part => part.toLowerCase().toUpperCase().toLowerCase());
  return folded.join('ı').replaceAll('ς', 'σ');
}
