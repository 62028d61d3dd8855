// What must still be said to people, as the rows say it: recipients whose `report` is set. Setting it is the queue's
// business (settlement) and that of late-mail.ts; taking it back stands in the commit that queues the report.

import type { ReportKind } from '../queue/outcome.ts';
import type { Database, Row, SqlValue, Statement } from '../storage/database.ts';
import { isStillTrue } from './report-decision.ts';

/** A message about which something is to be said. */
export type DueReport = Readonly<{
  messageId: string;
  report: ReportKind;
  /** What this message itself had to say, where it is a report of ours that failed; null: it is mail. */
  failedReport: ReportKind | 'digest' | null;
  /** What is to be said is no longer so, or nobody is told of it: nothing is said. */
  isStale: boolean;
  isHeld: boolean;
  account: string | null;
  owner: string | null;
  reversePath: string;
  /** The ways of those of whom it is to be said. */
  ways: readonly string[];
  /** Where it was tried last. */
  upstreamId: string | null;
}>;

/** Some of what is due, and the message after which the rest begins; null: that was all. */
export type DuePage = Readonly<{ due: readonly DueReport[]; next: string | null }>;

const PAGE = 250;

const SELECT_PAGE = `SELECT recipient.message_id, recipient.report, recipient.state, recipient.way, recipient.upstream_id,
    message.kind, message.report_kind, message.held_at, message.reverse_path, account.name, account.owner
  FROM recipient JOIN message ON message.id = recipient.message_id
  LEFT JOIN account ON account.id = message.account_id
  WHERE recipient.report IS NOT NULL AND recipient.message_id > ? ORDER BY recipient.message_id LIMIT ${PAGE}`;

/** One for each message and kind, oldest message first. `after`: the `next` of the page before, at first ''. */
export async function readDuePage(database: Pick<Database, 'read'>, after: string): Promise<DuePage> {
  const rows = await database.read(SELECT_PAGE, [after]);
  if (rows.length < PAGE) return { due: dueOf(rows), next: null };
  // The page may have cut its last message in two. Where it has no other, the rest is seen once this is said.
  const last = rows.at(-1)?.['message_id'];
  const whole = rows.filter(row => row['message_id'] !== last);
  const seen = whole.length === 0 ? rows : whole;
  return { due: dueOf(seen), next: String(seen.at(-1)?.['message_id']) };
}

/** That these were told; refused as a whole where one of them is no longer to be. */
export function clearReport(
  { messageId, report }: Pick<DueReport, 'messageId' | 'report'>,
  ordinals: readonly number[],
): Statement {
  const marks = ordinals.map(() => '?').join(', ');
  return {
    sql: `UPDATE recipient SET report = NULL WHERE message_id = ? AND report = ? AND ordinal IN (${marks})`,
    params: [messageId, report, ...ordinals],
    require: ordinals.length,
  };
}

/** Takes back what is no longer so. */
export function clearStale({ messageId, report }: Pick<DueReport, 'messageId' | 'report'>): Statement {
  const untold = report === 'failure' ? `kind = 'alert'` : `kind <> 'mail'`;
  return {
    sql: `UPDATE recipient SET report = NULL WHERE message_id = ? AND report = ? AND (
      EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND ${untold})
      OR state NOT IN (${STATES[report]}))`,
    params: [messageId, report],
  };
}

const STATES = {
  failure: `'failed', 'expired'`,
  delay: `'queued', 'deferred', 'in_flight'`,
  relayed: `'relayed'`,
} as const satisfies Record<ReportKind, string>;

function dueOf(rows: readonly Row[]): readonly DueReport[] {
  const due = new Map<string, DueReport>();
  for (const row of rows) {
    const one = dueReport(row);
    // What is still true is said first; the rest is taken back afterwards.
    const key = `${one.messageId} ${one.report}`;
    const known = due.get(key);
    if (known === undefined || known.isStale) due.set(key, one);
    else if (!one.isStale) due.set(key, { ...known, ways: [...new Set([...known.ways, ...one.ways])] });
  }
  return [...due.values()];
}

function dueReport(row: Row): DueReport {
  const report = reportKind(row['report']) ?? 'failure';
  const kind = row['kind'];
  const isTold = kind === 'mail' || (kind === 'dsn' && report === 'failure');
  return {
    messageId: String(row['message_id']),
    report,
    failedReport: kind === 'dsn' ? (reportKind(row['report_kind']) ?? 'digest') : null,
    isStale: !isTold || !isStillTrue(report, String(row['state'])),
    isHeld: row['held_at'] !== null,
    account: textOrNull(row['name']),
    owner: textOrNull(row['owner']),
    reversePath: String(row['reverse_path']),
    ways: [String(row['way'])],
    upstreamId: textOrNull(row['upstream_id']),
  };
}

function reportKind(value: SqlValue | undefined): ReportKind | null {
  return value === 'failure' || value === 'delay' || value === 'relayed' ? value : null;
}

function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
