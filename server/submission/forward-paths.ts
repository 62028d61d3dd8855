// The recipients of one mail transaction: each once, in the order of RCPT. A value, like the transaction: adding makes
// another. Adding and looking take the same time however many there are, since a message may have many thousands: the
// values share one list, of which each has its own length.

import type { Path } from '../smtp/path.ts';

export type ForwardPaths = Readonly<{
  length: number;
  /** True where mail to one that is there is mail to this: domains without case, local parts with it (RFC 5321 §2.4). */
  has: (path: Path) => boolean;
  /** These and that one; a repeated one is taken once. */
  with: (path: Path) => ForwardPaths;
  list: () => readonly Path[];
}>;

/** `places`: by the canonical text of the path. Both only ever grow, and only behind the longest value. */
type Shared = Readonly<{ list: Path[]; places: Map<string, number> }>;

export function noForwardPaths(): ForwardPaths {
  return view({ list: [], places: new Map() }, 0);
}

function view(shared: Shared, length: number): ForwardPaths {
  const has = ({ text }: Path): boolean => (shared.places.get(text) ?? length) < length;
  const own: ForwardPaths = {
    length,
    has,
    with: path => {
      if (has(path)) return own;
      // Another value has grown from this one already.
      const { list, places } = shared.list.length === length ? shared : copyOf(shared, length);
      places.set(path.text, length);
      list.push(path);
      return view({ list, places }, length + 1);
    },
    list: () => shared.list.slice(0, length),
  };
  return own;
}

function copyOf(shared: Shared, length: number): Shared {
  const list = shared.list.slice(0, length);
  return { list, places: new Map(list.map(({ text }, place) => [text, place])) };
}
