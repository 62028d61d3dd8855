// An account's share of the queue: how many octets of its mail may wait here, so that one device cannot fill the disk for
// all. Counted are the octets of its messages that wait or were given up, and those that its sessions are receiving; not
// what is kept of relayed ones (queue.keep_content).
// Before a message is taken the answer may be a moment old; the guard in the message's own commit is exact about the account.
// How much waits of everybody, which percent are of, is summed up once in a while: it takes a look at all that waits.

import type { QueueShare } from '../accounts/account-policy.ts';
import type { Clock, DurationMs } from '../clock.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { DiskReserve } from './disk-reserve.ts';

export type QueueShares = Readonly<{
  /** A place for a message of about `size` octets, or null where the share is full. */
  reserve: (accountId: string, share: QueueShare, size: number) => Promise<SharePlace | null>;
}>;

/** One message on its way in. It must end, one way or the other. */
export type SharePlace = Readonly<{
  /** So many octets have come. False once they are more than the share has room for. */
  received: (octets: number) => boolean;
  /** Changes one row if the account's mail and `size` octets more are within the share, else none. */
  guard: (size: number) => Statement;
  end: () => void;
}>;

const WAITING = `SELECT COALESCE(SUM(size), 0) AS octets FROM message WHERE account_id = ? AND retired_at IS NULL`;
const ALL_WAITING = `SELECT COALESCE(SUM(size), 0) AS octets FROM message WHERE retired_at IS NULL`;
const GUARD = `UPDATE account SET enabled = enabled WHERE id = ? AND ? <= ? - (
  SELECT COALESCE(SUM(size), 0) FROM message WHERE account_id = ? AND retired_at IS NULL)`;

type Deps = Readonly<{
  database: Database;
  disk: Pick<DiskReserve, 'room'>;
  clock: Pick<Clock, 'monotonic'>;
}>;

/** For so long the sum of what waits is good enough: the disk fills no faster. */
const SUM_HOLDS: DurationMs = 1_000;

export function createQueueShares({ database, disk, clock }: Deps): QueueShares {
  /** Octets on their way in, by account. */
  const receiving = new Map<string, number>();

  const add = (accountId: string, octets: number) => {
    const sum = (receiving.get(accountId) ?? 0) + octets;
    if (sum > 0) receiving.set(accountId, sum);
    else receiving.delete(accountId);
  };

  const octetsOf = async (sql: string, params: readonly string[] = []): Promise<number> => {
    const [row] = await database.read(sql, params);
    return Number(row?.['octets'] ?? 0);
  };

  let sum: Promise<number> | null = null;
  let summedAt: DurationMs = 0;

  const allWaiting = (): Promise<number> => {
    if (sum !== null && clock.monotonic() - summedAt < SUM_HOLDS) return sum;
    summedAt = clock.monotonic();
    const asked = octetsOf(ALL_WAITING);
    sum = asked;
    asked.catch(() => {
      if (sum === asked) sum = null;
    });
    return asked;
  };

  /** Percent are of what mail may take in all: what waits, and the free part of the disk above its reserve. */
  const roomOf = async (share: QueueShare): Promise<number> => {
    if (share.kind === 'octets') return share.octets;
    const [waiting, free] = await Promise.all([allWaiting(), disk.room()]);
    const room = Math.floor(((waiting + Math.max(0, free)) * share.percent) / 100);
    return Math.min(room, Number.MAX_SAFE_INTEGER);
  };

  const place = (accountId: string, room: number, waiting: number, size: number): SharePlace => {
    let counted = size;
    let ended = false;
    add(accountId, counted);
    return {
      received: octets => {
        if (octets > counted && !ended) {
          add(accountId, octets - counted);
          counted = octets;
        }
        return waiting + (receiving.get(accountId) ?? 0) <= room;
      },
      guard: completed => ({ sql: GUARD, params: [accountId, completed, room, accountId], require: 1 }),
      end: () => {
        if (!ended) add(accountId, -counted);
        ended = true;
      },
    };
  };

  return {
    reserve: async (accountId, share, size) => {
      const [room, waiting] = await Promise.all([roomOf(share), octetsOf(WAITING, [accountId])]);
      const isFull = waiting + (receiving.get(accountId) ?? 0) + size > room;
      return isFull || waiting >= room ? null : place(accountId, room, waiting, size);
    },
  };
}
