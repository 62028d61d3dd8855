// What each account with sending limits was allowed to send in the last 24 hours: counted by monotonic time, so that a
// step of the clock frees and blocks nobody, and kept as rows, so that a restart forgets nothing (only there a clock that
// was stepped meanwhile can free early, or block for a day). A message is reserved before its data is asked for and counts
// from then on; what is refused or vanishes gives its place back. The row stands in the same commit as the message.
// Accounts without limits cost nothing and leave nothing.

import type { Clock, DurationMs } from '../clock.ts';
import { inWordsWithTime } from '../smtp/waiting-time.ts';
import type { Database, Row, Statement } from '../storage/database.ts';
import {
  DAY,
  type Excess,
  hasLimits,
  type LimitReached,
  messageExcess,
  recipientExcess,
  type SendingCheck,
  type SendingLimits,
  type SentMessage,
} from './sending-limits.ts';

export type Usage = Readonly<{
  check: SendingCheck;
  /** A place for one message, null for an account without limits, or the limit that leaves none. */
  reserve: (
    accountId: string,
    limits: SendingLimits,
    recipients: number,
  ) => Readonly<{ kind: 'reserved'; place: SendingPlace | null }> | LimitReached;
  /** Housekeeping: forgets what is older than 24 hours. */
  sweep: () => Promise<void>;
}>;

/** Exactly one message. It must end, one way or the other. */
export type SendingPlace = Readonly<{
  /** To be committed with the message. */
  statement: () => Statement;
  /** That commit is durable. */
  accepted: () => void;
  /** Whatever became of the message; gives the place back if it was not accepted. */
  end: () => void;
}>;

type Account = { sent: SentMessage[]; readonly underWay: Set<Readonly<{ recipients: number }>> };

const SELECT = 'SELECT account_id, sent_at, recipients FROM sending ORDER BY sent_at';
const INSERT = 'INSERT INTO sending (account_id, sent_at, recipients) VALUES (?, ?, ?)';
const DELETE_OLD = 'DELETE FROM sending WHERE sent_at <= ?';
/** A clock that was wrong when they were written would keep them for ever. */
const CORRECT_FUTURE = 'UPDATE sending SET sent_at = ? WHERE sent_at > ?';

type Deps = Readonly<{ database: Database; clock: Clock; clockTrusted: () => boolean }>;

export async function createUsage({ database, clock, clockTrusted }: Deps): Promise<Usage> {
  const accounts = new Map<string, Account>();

  const accountOf = (id: string): Account => {
    const known = accounts.get(id);
    if (known) return known;
    const account: Account = { sent: [], underWay: new Set() };
    accounts.set(id, account);
    return account;
  };

  const remember = (account: Account, at: DurationMs, recipients: number) => {
    account.sent.push({ at, recipients, total: (account.sent.at(-1)?.total ?? 0) + recipients });
  };

  const load = (row: Row) => {
    // What a wrong clock dates into the future counts as sent just now: for a day at most.
    const age = Math.max(0, clock.now() - Number(row['sent_at']));
    if (age < DAY) {
      remember(accountOf(String(row['account_id'])), clock.monotonic() - age, Number(row['recipients']));
    }
  };

  const reached = (excess: Excess | null): LimitReached | null =>
    excess && { ...excess, when: inWordsWithTime(excess.wait, clock.now()) };

  const check: SendingCheck = {
    message: (id, limits) =>
      hasLimits(limits) ? reached(messageExcess(accountOf(id), limits, clock.monotonic())) : null,
    recipients: (id, limits, recipients) =>
      limits.recipientsPerDay === null
        ? null
        : reached(recipientExcess(accountOf(id), limits, recipients, clock.monotonic())),
  };

  const place = (accountId: string, recipients: number): SendingPlace => {
    const account = accountOf(accountId);
    const message = { recipients };
    account.underWay.add(message);
    return {
      statement: () => ({ sql: INSERT, params: [accountId, clock.now(), recipients] }),
      accepted: () => {
        if (account.underWay.delete(message)) remember(account, clock.monotonic(), recipients);
      },
      end: () => account.underWay.delete(message),
    };
  };

  const forget = () => {
    const begin = clock.monotonic() - DAY;
    for (const [id, account] of accounts) {
      account.sent = account.sent.filter(({ at }) => at > begin);
      if (account.sent.length === 0 && account.underWay.size === 0) accounts.delete(id);
    }
  };

  const correct = async () => {
    if (!clockTrusted()) return;
    const now = clock.now();
    await database.commit([
      { sql: DELETE_OLD, params: [now - DAY] },
      { sql: CORRECT_FUTURE, params: [now, now] },
    ]);
  };

  for (const row of await database.read(SELECT)) load(row);
  await correct();

  return {
    check,
    reserve: (id, limits, recipients) => {
      if (!hasLimits(limits)) return { kind: 'reserved', place: null };
      const excess = check.message(id, limits) ?? check.recipients(id, limits, recipients);
      return excess ?? { kind: 'reserved', place: place(id, recipients) };
    },
    sweep: async () => {
      forget();
      await correct();
    },
  };
}
