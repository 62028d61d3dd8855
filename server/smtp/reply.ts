// A reply is a value. Its two codes cannot disagree (RFC 3463 §3.1): `{ code: 552, enhanced: '4.3.1' }` does not compile.
// Everything Postern can say on the wire stands in reply-table.ts; this file holds the shape and its wire form.

type Subject = `${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}.${number}`;

/** The enhanced code is absent where RFC 2034 §3 forbids it: the greeting, the EHLO reply and 3xx. */
export type Success = Readonly<{
  code: 214 | 220 | 221 | 235 | 250 | 252;
  enhanced?: `2.${Subject}`;
  text: string;
}>;
export type Intermediate = Readonly<{ code: 334 | 354; text: string }>;
export type Transient = Readonly<{
  code: 421 | 432 | 450 | 451 | 452 | 454;
  enhanced: `4.${Subject}`;
  text: string;
}>;
export type Permanent = Readonly<{
  code: 500 | 501 | 502 | 503 | 504 | 530 | 534 | 535 | 538 | 550 | 552 | 553 | 554 | 555;
  enhanced: `5.${Subject}`;
  text: string;
}>;
export type Reply = Success | Intermediate | Transient | Permanent;
export type Refusal = Transient | Permanent;

/** RFC 5321 §4.5.3.1.5: a reply line has at most 512 octets, CRLF included. */
const MAX_LINE = 510;

/**
 * The octets of a one-line reply, with CRLF. Control characters in the text become spaces: a reply can never be split.
 * Replies are ASCII (RFC 5321 §4.2), whatever address they name.
 */
export function formatReply(reply: Reply): string {
  const enhanced = 'enhanced' in reply && reply.enhanced !== undefined ? `${reply.enhanced} ` : '';
  // RFC 4954 §4: an empty challenge is `334 ` with its trailing space.
  return `${`${reply.code} ${enhanced}${printable(reply.text)}`.slice(0, MAX_LINE)}\r\n`;
}

/** The octets of a multi-line reply without enhanced codes, for EHLO. `lines` has at least one element. */
export function formatLines(code: 250, lines: readonly string[]): string {
  return lines.map((line, i) => `${code}${i < lines.length - 1 ? '-' : ' '}${printable(line)}\r\n`).join('');
}

export function isRefusal(reply: Reply): reply is Refusal {
  return reply.code >= 400;
}

const PRINTABLE = /^[ -~]*$/;

function printable(text: string): string {
  if (PRINTABLE.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').replace(/\P{ASCII}/gu, '?');
}
