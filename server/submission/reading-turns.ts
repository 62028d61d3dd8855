// Whose turn it is among the large messages that arrive. A hundred that were all read at once would each keep what was read
// ahead, for so long that only a full garbage collection frees it, and it would cost many times the octets in hand. So a
// few are read at a time; the other clients wait, held back by TCP, and nobody is refused.
// Fair: first come, first served, and who has had its part goes behind the others. Who just began comes before those, so
// that a scan of a few pages does not wait for a hundred backups. A client that sends nothing loses its turn to whoever
// waits: one that trickles holds up nobody. As long as nobody waits, every turn lasts.

import type { Clock, DurationMs } from '../clock.ts';

export type ReadingTurns = Readonly<{ forMessage: () => ReadingTurn }>;

export type ReadingTurn = Readonly<{
  /** So many octets were read. Null: go on. A promise: read nothing until it is fulfilled; `end` fulfils it, too. */
  read: (octets: number) => Promise<void> | null;
  /** What was read is being written: until that is done it is we who are slow, not the client. */
  writing: (written: Promise<unknown>) => void;
  /** Nothing more will be read. May be called more than once. */
  end: () => void;
}>;

type Bounds = Readonly<{
  /** Messages that are read at the same time. */
  atOnce: number;
  /** Octets of the first turn of a message, and of each further one. */
  firstTurn: number;
  turn: number;
  /** No turn lasts longer, where others wait. */
  longest: DurationMs;
  /** After so long without an octet a turn goes to whoever waits. */
  quiet: DurationMs;
}>;

/**
 * Eight keep disk and processor busy. Each change leaves some 50 KB behind that live long, so turns are many times that;
 * most scans fit in their first one. A sender on the LAN is not quiet for 10 ms.
 */
const BOUNDS: Bounds = { atOnce: 8, firstTurn: 1 << 20, turn: 4 << 20, longest: 500, quiet: 10 };
/** Of those who wait: after so many that begin comes one that had a turn, so that they get half of the octets. */
const BEGINNERS_IN_A_ROW = 4;

type State = {
  /** Of the present turn: its beginning, its octets, and when the last of them came. */
  since: DurationMs;
  octets: number;
  active: DurationMs;
  isWriting: boolean;
  hadTurn: boolean;
  /** Ends the waiting. */
  goOn: (() => void) | null;
};

export function createReadingTurns(
  { monotonic }: Pick<Clock, 'monotonic'>,
  bounds: Bounds = BOUNDS,
): ReadingTurns {
  const reading = new Set<State>();
  const line = createLine();
  let looksSoon = false;

  const begin = (one: State, octets: number) => {
    one.since = monotonic();
    one.active = one.since;
    one.octets = octets;
    reading.add(one);
  };

  const giveUp = (one: State) => {
    reading.delete(one);
    one.hadTurn = true;
  };

  const isOver = ({ octets, since, hadTurn }: State) =>
    octets >= (hadTurn ? bounds.turn : bounds.firstTurn) || monotonic() - since >= bounds.longest;

  const letIn = () => {
    while (reading.size < bounds.atOnce) {
      const next = line.next();
      if (next === undefined) return;
      begin(next, 0);
      next.goOn?.();
      next.goOn = null;
    }
    if (looksSoon || line.size() === 0) return;
    looksSoon = true;
    // After the sockets were looked at: octets that wait there for us are no silence.
    setTimeout(() => setImmediate(takeFromQuiet), bounds.quiet);
  };

  const takeFromQuiet = () => {
    looksSoon = false;
    let wanted = line.size();
    for (const one of reading) {
      if (wanted === 0) break;
      if (one.isWriting || monotonic() - one.active < bounds.quiet) continue;
      giveUp(one);
      wanted--;
    }
    letIn();
  };

  const read = (one: State, octets: number): Promise<void> | null => {
    if (reading.has(one)) {
      one.octets += octets;
      one.active = monotonic();
      if (line.size() === 0 || !isOver(one)) return null;
      giveUp(one);
    } else if (reading.size < bounds.atOnce && line.size() === 0) {
      begin(one, octets);
      return null;
    }
    const turn = new Promise<void>(resolve => {
      one.goOn = resolve;
    });
    line.add(one);
    letIn();
    return turn;
  };

  return {
    forMessage: () => {
      const one: State = { since: 0, octets: 0, active: 0, isWriting: false, hadTurn: false, goOn: null };
      const isWritten = () => {
        one.isWriting = false;
        one.active = monotonic();
      };
      return {
        read: octets => read(one, octets),
        writing: written => {
          one.isWriting = true;
          written.then(isWritten, isWritten);
        },
        end: () => {
          if (one.goOn !== null) line.remove(one);
          one.goOn?.();
          one.goOn = null;
          reading.delete(one);
          letIn();
        },
      };
    },
  };
}

type Line = Readonly<{
  size: () => number;
  add: (one: State) => void;
  remove: (one: State) => void;
  next: () => State | undefined;
}>;

/** Who waits: those that begin and those that had a turn, each in the order in which they came. */
function createLine(): Line {
  const beginners = new Set<State>();
  const others = new Set<State>();
  let inARow = 0;

  return {
    size: () => beginners.size + others.size,
    add: one => void (one.hadTurn ? others : beginners).add(one),
    remove: one => {
      beginners.delete(one);
      others.delete(one);
    },
    next: () => {
      const isBeginner = beginners.size > 0 && (others.size === 0 || inARow < BEGINNERS_IN_A_ROW);
      inARow = isBeginner ? inARow + 1 : 0;
      const from = isBeginner ? beginners : others;
      const [first] = from;
      if (first !== undefined) from.delete(first);
      return first;
    },
  };
}
