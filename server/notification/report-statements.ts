// What a report needs to know, as the rows say it: the message that it is about and what became of its recipients; the
// reports that were sent lately; and, where a report failed itself, what it was about.

import type { EpochMs } from '../clock.ts';
import { idPrefix } from '../ids.ts';
import type { ReportKind } from '../queue/outcome.ts';
import type { Database, Row, SqlValue } from '../storage/database.ts';
import type { DueReport } from './due-reports.ts';
import { isStillTrue } from './report-decision.ts';
import { type ReportedMessage, type ReportedRecipient, withoutOutlook } from './report-facts.ts';

/** All that a report needs of its message, but the content. */
export type ReportSource = Readonly<{
  about: ReportedMessage;
  recipients: readonly ReportedRecipient[];
  ordinals: readonly number[];
  returnsAll: boolean;
  isConfidential: boolean;
  content: Readonly<{ kind: 'body' | 'spool' | 'gone'; size: number; hash: string }>;
}>;

/** Mail that was not delivered, and about which nobody could be told. */
export type Unreported = Readonly<{
  messageId: string;
  account: string | null;
  /** Those that failed and are not tried again. */
  forwardPaths: readonly string[];
  /** The remote reply, or our own words, about the first of them. */
  why: string | null;
}>;

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

/** Of the last hour and a little more. */
export async function readSentReports(
  database: Pick<Database, 'read'>,
  since: EpochMs,
): Promise<readonly Readonly<{ to: string; at: EpochMs }>[]> {
  // Ids begin with the time, so that only the messages since then are read; a report has its id before it is queued.
  const rows = await database.read(
    `SELECT recipient.forward_path, message.queued_at FROM message JOIN recipient ON recipient.message_id = message.id
      WHERE message.id >= ? AND message.kind = 'dsn' AND message.queued_at >= ?`,
    [idPrefix(since - MINUTE), since],
  );
  return rows.map(row => ({ to: String(row['forward_path']), at: Number(row['queued_at']) }));
}

/** The message that a failed report was about, and of whom in it it had to tell. Null: a digest, or it is gone. */
export async function readUnreported(
  database: Pick<Database, 'read'>,
  reportId: string,
): Promise<Unreported | null> {
  const rows = await database.read(
    `SELECT original.id, account.name, recipient.forward_path, recipient.last_reply
      FROM message AS report JOIN message AS original ON original.id = report.about_id
      LEFT JOIN account ON account.id = original.account_id
      LEFT JOIN recipient ON recipient.message_id = original.id AND recipient.state IN ('failed', 'expired')
      WHERE report.id = ? ORDER BY recipient.ordinal`,
    [reportId],
  );
  const [first] = rows;
  if (first === undefined) return null;
  const failed = rows.filter(row => row['forward_path'] !== null);
  return {
    messageId: String(first['id']),
    account: textOrNull(first['name']),
    forwardPaths: failed.map(row => String(row['forward_path'])),
    why: withoutOutlook(textOrNull(first['last_reply']) ?? '') || null,
  };
}

const MINUTE = 60_000;
const REMOTE_REPLY = /^[2-5]\d\d(?= |$)/;

function reportedRecipient(row: Row, report: ReportKind, latest: EpochMs): ReportedRecipient {
  const end = endOf(row, report);
  const answer = textOrNull(row[end === 'given-up' ? 'last_answer' : 'attempt_reply']);
  const isRemote = answer !== null && REMOTE_REPLY.test(answer);
  const startedAt = row['started_at'];
  // Without a remote reply the record has our own words in its place.
  const why = textOrNull(row['attempt_text']) ?? (isRemote ? null : answer);
  return {
    forwardPath: String(row['forward_path']),
    originalRecipient: textOrNull(row['original_recipient']),
    end,
    why: why === null || end === 'late' ? why : withoutOutlook(why),
    reply: isRemote ? answer : null,
    status: textOrNull(row['attempt_status']),
    upstream: textOrNull(row['upstream_name']),
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

function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
