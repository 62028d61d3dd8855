// The recipients of one mail transaction: each once, in the order of RCPT. A value, like the transaction: adding makes
// another. Adding and looking take the same time however many there are, since a message may have many thousands: the
// values share one list, of which each has its own length.

import { NO_RECIPIENT_DSN, type RecipientDsn } from '../smtp/dsn-parameters.ts';
import type { Path } from '../smtp/path.ts';

export type ForwardPaths = Readonly<{
  length: number;
  /** True where mail to one that is there is mail to this: domains without case, local parts with it (RFC 5321 §2.4). */
  has: (path: Path) => boolean;
  /** These and that one; a repeated one is taken once, with what was asked for it first. */
  with: (path: Path, dsn?: RecipientDsn) => ForwardPaths;
  list: () => readonly Path[];
  /** What was asked to be told of each, in the order of `list`; null where nothing was asked of any. */
  dsn: () => readonly RecipientDsn[] | null;
}>;

type Entry = Readonly<{ path: Path; dsn: RecipientDsn }>;

/** `places`: by the canonical text of the path. Both only ever grow, and only behind the longest value. */
type Shared = Readonly<{ list: Entry[]; places: Map<string, number> }>;

export function noForwardPaths(): ForwardPaths {
  return view({ list: [], places: new Map() }, 0);
}

function view(shared: Shared, length: number): ForwardPaths {
  const has = ({ text }: Path): boolean => (shared.places.get(text) ?? length) < length;
  const own: ForwardPaths = {
    length,
    has,
    with: (path, dsn = NO_RECIPIENT_DSN) => {
      if (has(path)) return own;
      // Another value has grown from this one already.
      const { list, places } = shared.list.length === length ? shared : copyOf(shared, length);
      places.set(path.text, length);
      list.push({ path, dsn });
      return view({ list, places }, length + 1);
    },
    list: () => shared.list.slice(0, length).map(({ path }) => path),
    dsn: () => {
      const asked = shared.list.slice(0, length).map(({ dsn }) => dsn);
      const isAsked = asked.some(dsn => dsn.notify !== null || dsn.originalRecipient !== null);
      return isAsked ? asked : null;
    },
  };
  return own;
}

function copyOf(shared: Shared, length: number): Shared {
  const list = shared.list.slice(0, length);
  return { list, places: new Map(list.map(({ path }, place) => [path.text, place])) };
}
