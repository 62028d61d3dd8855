// What must still be said to people, as the rows say it: recipients whose `report` is set. Setting it is the queue's
// business (settlement) and that of late-mail.ts; taking it back stands in the commit that queues the report.

import type { EpochMs } from '../clock.ts';
import type { ReportKind } from '../queue/outcome.ts';
import type { Database, Row, SqlValue, Statement } from '../storage/database.ts';
import { isStillTrue } from './report-decision.ts';
import type { ReportedMessage, ReportedRecipient } from './report-facts.ts';

/** A message about which something is to be said. */
export type DueReport = Readonly<{
  messageId: string;
  report: ReportKind;
  /** What is to be said is no longer so, or is about a report: nothing is said. */
  isStale: boolean;
  isHeld: boolean;
  account: string | null;
  owner: string | null;
  reversePath: string;
  /** Where it was tried last. */
  upstreamId: string | null;
}>;

/** All that a report needs of its message, but the content. */
export type ReportSource = Readonly<{
  about: ReportedMessage;
  recipients: readonly ReportedRecipient[];
  ordinals: readonly number[];
  returnsAll: boolean;
  isConfidential: boolean;
  content: Readonly<{ kind: 'body' | 'spool' | 'gone'; size: number; hash: string }>;
}>;

const PAGE = 500;

/** One for each message and kind, oldest message first. */
export async function readDueReports(database: Pick<Database, 'read'>): Promise<readonly DueReport[]> {
  const due = new Map<string, DueReport>();
  for (let after = ''; ; ) {
    const rows = await database.read(
      `SELECT recipient.message_id, recipient.report, recipient.state, recipient.upstream_id, message.kind,
          message.held_at, message.reverse_path, account.name, account.owner
        FROM recipient JOIN message ON message.id = recipient.message_id
        LEFT JOIN account ON account.id = message.account_id
        WHERE recipient.report IS NOT NULL AND recipient.message_id > ? ORDER BY recipient.message_id LIMIT ?`,
      [after, PAGE],
    );
    for (const row of rows) {
      const one = dueReport(row);
      // What is still true is said first; the rest is taken back afterwards.
      const key = `${one.messageId} ${one.report}`;
      if (due.get(key)?.isStale ?? true) due.set(key, one);
    }
    if (rows.length < PAGE) return [...due.values()];
    after = String(rows.at(-1)?.['message_id']);
  }
}

/** Null where nothing is to be said any more. `expiry`: `queue.expiry`, in milliseconds. */
export async function readReportSource(
  database: Pick<Database, 'read'>,
  { messageId, report }: Pick<DueReport, 'messageId' | 'report'>,
  { now, expiry }: Readonly<{ now: EpochMs; expiry: number }>,
): Promise<ReportSource | null> {
  const rows = await database.read(
    `SELECT message.*, account.name AS account_name, recipient.ordinal, recipient.forward_path, recipient.state,
        recipient.age, recipient.original_recipient, upstream.host AS upstream_host,
        attempt.upstream AS upstream_name, attempt.started_at, attempt.duration, attempt.outcome,
        attempt.reply AS attempt_reply, attempt.text AS attempt_text, attempt.status AS attempt_status,
        (SELECT reply FROM attempt AS earlier WHERE earlier.message_id = recipient.message_id
          AND earlier.ordinal = recipient.ordinal AND reply IS NOT NULL ORDER BY number DESC LIMIT 1) AS last_answer
      FROM recipient JOIN message ON message.id = recipient.message_id
      LEFT JOIN account ON account.id = message.account_id
      LEFT JOIN upstream ON upstream.id = recipient.upstream_id
      LEFT JOIN attempt ON attempt.message_id = recipient.message_id AND attempt.ordinal = recipient.ordinal
        AND attempt.number = (SELECT MAX(number) FROM attempt AS other
          WHERE other.message_id = recipient.message_id AND other.ordinal = recipient.ordinal)
      WHERE recipient.message_id = ? AND recipient.report = ? ORDER BY recipient.ordinal`,
    [messageId, report],
  );
  const telling = rows.filter(row => isStillTrue(report, String(row['state'])));
  const [first] = telling;
  if (first === undefined) return null;
  const content = first['content'];
  return {
    about: {
      id: messageId,
      queuedAt: Number(first['queued_at']),
      account: textOrNull(first['account_name']),
      reversePath: String(first['reverse_path']),
      envelopeId: textOrNull(first['envelope_id']),
    },
    recipients: telling.map(row => reportedRecipient(row, report, now + expiry)),
    ordinals: telling.map(row => Number(row['ordinal'])),
    returnsAll: report === 'failure' && first['returns'] === 'full',
    isConfidential: first['require_tls'] === 1,
    content: {
      kind: content === 'body' || content === 'spool' ? content : 'gone',
      size: Number(first['size']),
      hash: String(first['content_hash']),
    },
  };
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
  return {
    sql: `UPDATE recipient SET report = NULL WHERE message_id = ? AND report = ? AND (
      EXISTS (SELECT 1 FROM message WHERE id = recipient.message_id AND kind <> 'mail')
      OR state NOT IN (${STATES[report]}))`,
    params: [messageId, report],
  };
}

/** Of the last hour and a little more. */
export async function readSentReports(
  database: Pick<Database, 'read'>,
  since: EpochMs,
): Promise<readonly Readonly<{ to: string; at: EpochMs }>[]> {
  const rows = await database.read(
    `SELECT recipient.forward_path, message.queued_at FROM message JOIN recipient ON recipient.message_id = message.id
      WHERE message.kind = 'dsn' AND message.queued_at >= ?`,
    [since],
  );
  return rows.map(row => ({ to: String(row['forward_path']), at: Number(row['queued_at']) }));
}

const STATES = {
  failure: `'failed', 'expired'`,
  delay: `'queued', 'deferred', 'in_flight'`,
  relayed: `'relayed'`,
} as const satisfies Record<ReportKind, string>;

const REMOTE_REPLY = /^[2-5]\d\d(?= |$)/;

function dueReport(row: Row): DueReport {
  const report = reportKind(row['report']);
  return {
    messageId: String(row['message_id']),
    report,
    isStale: row['kind'] !== 'mail' || !isStillTrue(report, String(row['state'])),
    isHeld: row['held_at'] !== null,
    account: textOrNull(row['name']),
    owner: textOrNull(row['owner']),
    reversePath: String(row['reverse_path']),
    upstreamId: textOrNull(row['upstream_id']),
  };
}

function reportedRecipient(row: Row, report: ReportKind, latest: EpochMs): ReportedRecipient {
  const end = endOf(row, report);
  const answer = textOrNull(row[end === 'given-up' ? 'last_answer' : 'attempt_reply']);
  const isRemote = answer !== null && REMOTE_REPLY.test(answer);
  const startedAt = row['started_at'];
  return {
    forwardPath: String(row['forward_path']),
    originalRecipient: textOrNull(row['original_recipient']),
    end,
    // Without a remote reply the record has our own words in its place.
    why: textOrNull(row['attempt_text']) ?? (isRemote ? null : answer),
    reply: isRemote ? answer : null,
    status: textOrNull(row['attempt_status']),
    host: textOrNull(row['upstream_host']),
    lastAttemptAt: typeof startedAt === 'number' ? startedAt + Number(row['duration']) : null,
    triedUntil: end === 'late' ? latest - Number(row['age']) : null,
  };
}

/** Where an operator gives up, no upstream has a part in it. */
function endOf(row: Row, report: ReportKind): ReportedRecipient['end'] {
  if (report !== 'failure') return report === 'delay' ? 'late' : 'relayed';
  if (row['state'] === 'expired') return 'expired';
  return row['outcome'] === 'failed' && row['upstream_name'] !== null ? 'refused' : 'given-up';
}

function reportKind(value: SqlValue | undefined): ReportKind {
  return value === 'delay' || value === 'relayed' ? value : 'failure';
}

function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
