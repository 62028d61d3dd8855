// Plain text for people, as it stands in the mail that Postern writes: lines that fit a screen, and no character that ends a
// line or turns the direction of writing. Pure.

const WIDTH = 76;

/** Lines of at most 76 characters where words allow it; a longer word is cut before RFC 5322's 998 octets. */
export function wrapped(text: string, indent = ''): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of oneLine(text).split(' ').flatMap(pieces)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** Without line breaks, control characters and marks that turn the direction of writing (U+202A to U+202E, U+2066 to U+2069). */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
}

/** At most so many characters, with an ellipsis where some are left out. */
export function shortened(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

/** Of the printable ASCII characters, and line breaks. */
export function isAscii(text: string): boolean {
  return /^[\r\n\x20-\x7e]*$/.test(text);
}

function pieces(word: string): readonly string[] {
  return word.match(/.{1,900}/gsu) ?? [];
}
