// Encoded words (RFC 2047) read as a careless reader might: wherever they stand, in quotes and comments too. For judging
// what a header could be taken to say; nothing that is stored or relayed is decoded.

/** What a header says once its encoded words are decoded; null where some reader may see what we cannot. */
export type DecodedWords = Readonly<{
  /** The whole text with the words decoded. */
  text: string;
  /** What came out of the words alone. */
  decoded: string;
}>;

/** RFC 2047 §2 allows 75 characters; the bound keeps the search linear. */
const WORD = /=\?([^?\s]{1,64})\?([bq])\?(.{0,1000}?)\?=/gi;
/** Blanks between two words are not shown (§6.2). */
const BETWEEN = /\?=[ \t]+=\?/g;

export function decodeWords(value: string): DecodedWords | null {
  if (!value.includes('=?')) return { text: value, decoded: '' };
  let decoded = '';
  let unknown = false;
  const text = value.replace(BETWEEN, '?==?').replace(WORD, (_word, charset, encoding, encoded) => {
    const octets = octetsOf(String(encoding), String(encoded));
    const part = decodeCharset(octets, String(charset).replace(/\*.*$/, ''));
    unknown ||= part === null;
    decoded += part ?? '';
    return part ?? '';
  });
  // What still looks like a word is one to some other reader.
  return unknown || text.includes('=?') ? null : { text, decoded };
}

function octetsOf(encoding: string, encoded: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(encoded, 'base64');
  const literal = Buffer.from(encoded.replaceAll('_', ' ')).toString('latin1');
  return Buffer.from(
    literal.replace(/=([\da-f]{2})/gi, (_all, hex) => String.fromCharCode(Number.parseInt(String(hex), 16))),
    'latin1',
  );
}

/** Null for a character set that is not known here, UTF-7 among them, which writes ASCII in other ways. */
function decodeCharset(octets: Buffer, charset: string): string | null {
  try {
    return new TextDecoder(charset).decode(octets);
  } catch {
    return null;
  }
}
