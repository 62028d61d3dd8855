// A reply from an upstream, parsed once. Upstreams send several lines, no enhanced code, Latin-1 or plain nonsense:
// whatever came becomes a value, and what is not a reply has the code null. Pure.

export type RemoteReply = Readonly<{
  /** Three digits, or null: this was no SMTP reply. */
  code: number | null;
  /** RFC 3463, such as `5.7.8`; null where the upstream gave none. */
  enhanced: string | null;
  /** The text of all lines without their codes, joined by a space; as much of it as of `line`. */
  text: string;
  /** For people and the queue's record: codes once, then the text. */
  line: string;
}>;

/** Enough for every real reply; an upstream cannot fill the database with one, or keep us busy reading it. */
const MAX_LINE = 1000;

/** `raw` holds one or more lines, as received. */
export function parseRemoteReply(raw: string): RemoteReply {
  const lines = raw.split(/\r?\n/).map(printable);
  const first = /^([2-5]\d\d)(?:[ -](.*))?$/.exec(lines[0] ?? '');
  if (first?.[1] === undefined) {
    const line = lines.join(' ').trim().slice(0, MAX_LINE);
    return { code: null, enhanced: null, text: line, line };
  }
  const enhanced = /^([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(first[2] ?? '')?.[1] ?? null;
  const text = lines.map(textOf).join(' ').replace(/\s+/g, ' ').trim().slice(0, MAX_LINE);
  const line = `${first[1]} ${enhanced === null ? '' : `${enhanced} `}${text}`.trim().slice(0, MAX_LINE);
  return { code: Number(first[1]), enhanced, text, line };
}

function textOf(line: string): string {
  return line.replace(/^[2-5]\d\d[ -]?/, '').replace(/^[245]\.\d{1,3}\.\d{1,3}(?![\d.])\s?/, '');
}

function printable(line: string): string {
  return line.replace(/\p{Cc}/gu, ' ');
}
