// What a client calls itself in EHLO or HELO. Any name will do, none as well: devices send NetBIOS names, underscores,
// nothing at all (device-quirks #8), and RFC 5321 §4.1.4 forbids refusing mail for it. It is shown, never believed.

/** RFC 5321 §4.5.3.1.2: a domain has at most 255 octets. */
const MAX_LENGTH = 255;

/**
 * The name as printable text for logs and traces: at most 255 characters, no control characters, runs of blanks as
 * one space; empty when the client gave none. Bytes that are not UTF-8 show as U+FFFD.
 */
export function parseHello(argument: Uint8Array): string {
  const text = new TextDecoder().decode(argument);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const printable = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return printable.slice(0, MAX_LENGTH).trim();
}
