// Who waits: for each way and account the time from which something of theirs may be due. In memory, so that finding whom
// to serve costs no query however much waits; the database is the truth, and is looked at again from time to time.
// It may name a time too early (one claim finds nothing, and corrects it), never one too late: what is added while a look
// at the database is under way survives that look.

import type { EpochMs } from '../clock.ts';

/** What an account has waiting in one way: when the first and the last of it are due. */
export type Waiting = Readonly<{
  way: string;
  /** Empty for mail that Postern wrote. */
  account: string;
  earliest: EpochMs;
  latest: EpochMs;
}>;

/** One way of one account. */
export type Pair = Pick<Waiting, 'way' | 'account'>;

/** A look at the database: begun before the query is sent, ended with its answer. */
export type Look = Readonly<{
  /** All that waits, of everybody. */
  sawAll: (waiting: readonly Waiting[]) => void;
  /** What still waits of the pairs that were asked about. */
  saw: (pairs: readonly Pair[], waiting: readonly Waiting[]) => void;
  /** The query failed. */
  cancel: () => void;
}>;

export type Line = Readonly<{
  add: (pair: Pair, due: EpochMs) => void;
  look: () => Look;
  ways: () => readonly string[];
  /** What waits in these ways and is due: its time has come, or lies beyond the horizon. */
  due: (ways: readonly string[], now: EpochMs, horizon: EpochMs) => readonly Waiting[];
  /** When the next will be due that is not yet; null: none. */
  nextDue: (now: EpochMs) => EpochMs | null;
}>;

type Added = Pair & Readonly<{ due: EpochMs }>;

export function createLine(): Line {
  const line = new Map<string, Map<string, Waiting>>();
  const looks = new Set<Added[]>();

  const put = ({ way, account, earliest, latest }: Waiting) => {
    const accounts = line.get(way) ?? new Map<string, Waiting>();
    line.set(way, accounts);
    const known = accounts.get(account);
    accounts.set(account, {
      way,
      account,
      earliest: Math.min(earliest, known?.earliest ?? earliest),
      latest: Math.max(latest, known?.latest ?? latest),
    });
  };

  const drop = ({ way, account }: Pair) => {
    const accounts = line.get(way);
    accounts?.delete(account);
    if (accounts?.size === 0) line.delete(way);
  };

  const end = (added: Added[], waiting: readonly Waiting[]) => {
    looks.delete(added);
    for (const one of waiting) put(one);
    for (const { way, account, due } of added) put({ way, account, earliest: due, latest: due });
  };

  return {
    add: ({ way, account }, due) => {
      for (const added of looks) added.push({ way, account, due });
      put({ way, account, earliest: due, latest: due });
    },

    look: () => {
      const added: Added[] = [];
      looks.add(added);
      return {
        sawAll: waiting => {
          line.clear();
          end(added, waiting);
        },
        saw: (pairs, waiting) => {
          for (const pair of pairs) drop(pair);
          end(added, waiting);
        },
        cancel: () => void looks.delete(added),
      };
    },

    ways: () => [...line.keys()],

    due: (ways, now, horizon) =>
      ways
        .flatMap(way => [...(line.get(way)?.values() ?? [])])
        .filter(({ earliest, latest }) => earliest <= now || latest > horizon),

    nextDue: now => {
      let next: EpochMs | null = null;
      for (const accounts of line.values()) {
        for (const { earliest } of accounts.values()) {
          if (earliest > now && (next === null || earliest < next)) next = earliest;
        }
      }
      return next;
    },
  };
}
