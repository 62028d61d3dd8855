// A command line as bytes, split into verb and argument. Devices send lower case, leading spaces and trailing blanks.
// Bytes stay bytes: what follows AUTH or MAIL may be any code page and is decoded by whoever knows what it means.

export type Command = Readonly<{
  /** In upper case, printable ASCII only; empty for an empty line. Unknown verbs may be secrets: never log them raw. */
  verb: string;
  /** What follows the verb, without the blanks around it. Shares memory with the line. */
  argument: Uint8Array;
}>;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** Splits a command line; a line end at its end is ignored. Never throws, whatever the bytes. */
export function parseCommand(line: Uint8Array): Command {
  const octets = trimBlanks(line);
  let end = 0;
  while (end < octets.length && !isBlank(octets[end])) end++;
  return { verb: asciiUpperCase(octets.subarray(0, end)), argument: trimBlanks(octets.subarray(end)) };
}

/** Without spaces, tabs and line ends at both ends. Shares memory with `octets`. */
function trimBlanks(octets: Uint8Array): Uint8Array {
  let start = 0;
  let end = octets.length;
  while (start < end && isBlank(octets[start])) start++;
  while (end > start && isBlank(octets[end - 1])) end--;
  return octets.subarray(start, end);
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF;
}

function asciiUpperCase(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += octet > SPACE && octet < 0x7f ? String.fromCharCode(octet) : '?';
  return text.toUpperCase();
}
