// What an upstream said it can do (the lines of its EHLO reply), and what its limit of size means for a message. Pure.

export type Capabilities = Readonly<{
  /** SIZE was offered, with or without a limit. */
  size: boolean;
  /** Octets of the largest message, or null where none is stated (RFC 1870 §4: SIZE 0 states none). */
  maxSize: number | null;
  eightBitMime: boolean;
  smtputf8: boolean;
  pipelining: boolean;
  /** RFC 3461. */
  dsn: boolean;
  /** RFC 8689. */
  requireTls: boolean;
  /** SASL mechanisms in capitals; empty where AUTH is not offered. */
  mechanisms: readonly string[];
}>;

/** `lines` are those of the EHLO reply without codes and without the greeting line. */
export function parseCapabilities(lines: readonly string[]): Capabilities {
  const keywords = new Map<string, readonly string[]>();
  const mechanisms = new Set<string>();
  for (const line of lines) {
    const [keyword = '', ...parameters] = line
      .trim()
      .toUpperCase()
      .split(/[\s=]+/);
    // Old servers write "AUTH=LOGIN" beside or instead of "AUTH LOGIN".
    if (keyword === 'AUTH') for (const mechanism of parameters) mechanisms.add(mechanism);
    else keywords.set(keyword, parameters);
  }
  const maxSize = Number(keywords.get('SIZE')?.[0] ?? '');
  return {
    maxSize: Number.isSafeInteger(maxSize) && maxSize > 0 ? maxSize : null,
    size: keywords.has('SIZE'),
    eightBitMime: keywords.has('8BITMIME'),
    smtputf8: keywords.has('SMTPUTF8'),
    pipelining: keywords.has('PIPELINING'),
    dsn: keywords.has('DSN'),
    requireTls: keywords.has('REQUIRETLS'),
    mechanisms: [...mechanisms].filter(isMechanism),
  };
}

/** RFC 4422 §3.1. Their names are shown to people, so nothing else may pass for one. */
function isMechanism(name: string): boolean {
  return /^[A-Z0-9_-]{1,20}$/.test(name);
}

/** Why a message of so many octets cannot be handed over; null: it can. Nothing was sent yet. */
export function tooLarge(size: number, { maxSize }: Pick<Capabilities, 'maxSize'>): string | null {
  if (maxSize === null || size <= maxSize) return null;
  return `The message has ${megabytes(size)}, and the upstream takes at most ${megabytes(maxSize)}. Send it smaller (lower scan resolution, fewer pages), or use another upstream.`;
}

function megabytes(octets: number): string {
  return octets < 100_000 ? `${octets} octets` : `${(octets / 1_048_576).toFixed(1)} MiB`;
}
