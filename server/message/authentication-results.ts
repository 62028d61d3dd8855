// Forged verdicts: an Authentication-Results field that a client wrote in our name would be believed by whoever trusts us
// (RFC 8601 §5). Nothing has been authenticated before this first hop, so none of ours can be real. Fields of others stay.
// Read leniently: what any reader might take for our name counts as ours.

/** The authserv-id ends before what is no part of a host name; octets over 127 never make it ours. */
const IDENTIFIER = /^[\w.\-\x80-\xff]*/;

/** RFC 8601 §2.2, authres-version; 1 where none is given. */
const VERSION = /^\s*(\d+)/;
const SUPPORTED_VERSION = 1;

/**
 * Whether a field with this value must be cut out: its authserv-id is `hostname`, it has none that can be read, or its
 * version is one that we do not know (RFC 8601 §5 wants those removed too). `value` is unfolded, one character an octet.
 */
export function isForgedVerdict(value: string, hostname: string): boolean {
  const claim = withoutComments(value)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a reader may drop them, and see our name
    .replace(/[\u0000-\u001f\u007f"\\]/g, character => (character === '\t' ? ' ' : ''))
    .trim();
  const [identifier = ''] = IDENTIFIER.exec(claim) ?? [];
  const name = withoutLastDot(identifier).toLowerCase();
  if (name === '' || name === withoutLastDot(hostname).toLowerCase()) return true;
  const version = VERSION.exec(claim.slice(identifier.length))?.[1];
  return version !== undefined && Number(version) !== SUPPORTED_VERSION;
}

/** RFC 5322 §3.2.2: comments nest, and `\` takes its meaning from the next octet. One that never ends takes all. */
function withoutComments(text: string): string {
  let depth = 0;
  let quoted = false;
  let kept = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    const pair = character === '\\' ? text.slice(i, i + 2) : character;
    i += pair.length - 1;
    if (pair === '"' && depth === 0) quoted = !quoted;
    if (pair === '(' && !quoted) depth++;
    else if (pair === ')' && depth > 0) depth--;
    else if (depth === 0) kept += pair;
  }
  return kept;
}

/** `example.net.` and `example.net` are the same host. */
function withoutLastDot(name: string): string {
  return name.replace(/\.+$/, '');
}
