// Puts what is due into words and into the queue. The report and the note that it was made are ONE commit, together with the
// end of a message that only waited for its report: after a crash nothing is said twice, and nothing is left unsaid.

import { createHash } from 'node:crypto';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { NewId } from '../ids.ts';
import type { NewMessage } from '../queue/message.ts';
import type { Queue } from '../queue/queue.ts';
import { retirement } from '../queue/statements.ts';
import type { Database, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { buildDigest } from './digest.ts';
import { buildReport } from './dsn.ts';
import { clearReport, clearStale, type DueReport } from './due-reports.ts';
import type { ReadOriginal } from './original-reader.ts';
import { withoutOctets } from './original-text.ts';
import type { MadeReport, ReportFacts } from './report-facts.ts';
import { type ReportSource, readReportSource } from './report-statements.ts';

export type ReportWriterDeps = Readonly<{
  database: Database;
  enqueue: Queue['enqueue'];
  readOriginal: ReadOriginal;
  /** Removes the file of a message whose row already says that its content is gone. */
  discard: (id: string) => Promise<void>;
  host: string;
  clock: Clock;
  clockTrusted: () => boolean;
  newId: NewId;
  log: Log;
  /** `queue.expiry`. */
  expiry: DurationMs;
  keepContent: boolean;
  perHour: number;
}>;

/** What is due, and what is known of it. */
export type Told = Readonly<{ due: DueReport; source: ReportSource }>;

export type ReportWriter = Readonly<{
  /** Null where nothing is to be said any more. */
  gather: (due: DueReport) => Promise<Told | null>;
  /** One report. False where it could not be queued: it is tried again. */
  report: (to: string, told: Told) => Promise<boolean>;
  /** All of it in one message to one person. */
  digest: (to: string, told: readonly Told[]) => Promise<boolean>;
  /** Notes that it was said in another way, or needs not be said. */
  settle: (told: Told) => Promise<boolean>;
  /** Takes back what is no longer so. */
  drop: (due: DueReport) => Promise<boolean>;
}>;

export function createReportWriter(deps: ReportWriterDeps): ReportWriter {
  const { database, clock, log, host, perHour } = deps;

  const dateNow = () => (deps.clockTrusted() ? clock.now() : null);

  /** The end of a message that waited for nothing but its report. */
  const endOf = (id: string): readonly Statement[] =>
    retirement(id, clock.now(), { keepContent: deps.keepContent });

  /** Only mail that was relayed to everybody waited for nothing else. */
  const discardRetired = async (all: readonly DueReport[]): Promise<void> => {
    const ids = all.filter(({ report }) => report === 'relayed').map(({ messageId }) => messageId);
    for (const id of ids) {
      const [row] = await database.read('SELECT content FROM message WHERE id = ?', [id]);
      if (row?.['content'] === 'gone') await deps.discard(id);
    }
  };

  const refused = (text: string): false => {
    log('report.failed', { text });
    return false;
  };

  const enqueue = async (message: NewMessage, told: readonly Told[]): Promise<boolean> => {
    const further = told.flatMap(({ due, source }) => [
      clearReport(due, source.ordinals),
      ...endOf(due.messageId),
    ]);
    const enqueued = await deps.enqueue(message, clock.now(), further);
    // Somebody had it tried again, or deleted it, a moment ago: it is looked at anew.
    if (enqueued.kind === 'requirement' || enqueued.kind === 'constraint') return false;
    if (enqueued.kind !== 'queued') return refused(storageRefusalText(enqueued));
    await discardRetired(told.map(({ due }) => due));
    const [first] = told;
    log('report.queued', {
      id: message.id,
      forward_path: message.forwardPaths[0] ?? '',
      kind: told.length === 1 ? (first?.due.report ?? '') : 'digest',
      about: told.map(({ due }) => due.messageId),
    });
    return true;
  };

  const commit = async (due: DueReport, statement: Statement): Promise<boolean> => {
    const result = await database.commit([statement, ...endOf(due.messageId)]);
    if (result.kind === 'requirement' || result.kind === 'constraint') return false;
    if (result.kind !== 'committed') return refused(storageRefusalText(result));
    await discardRetired([due]);
    return true;
  };

  const factsOf = async (to: string, { due, source }: Told): Promise<ReportFacts> => {
    const original = await deps.readOriginal(source);
    const { about, recipients } = source;
    return { id: deps.newId(), host, to, kind: due.report, date: dateNow(), about, recipients, original };
  };

  return {
    gather: async due => {
      const source = await readReportSource(database, due, { now: clock.now(), expiry: deps.expiry });
      return source === null ? null : { due, source };
    },

    report: async (to, told) => {
      const facts = await factsOf(to, told);
      const report = { about: told.due.messageId, kind: told.due.report };
      return enqueue({ ...messageOf(facts.id, to, buildReport(facts)), report }, [told]);
    },

    digest: async (to, told) => {
      const reports: ReportFacts[] = [];
      for (const { due, source } of told) {
        const facts = await factsOf(to, { due, source: { ...source, returnsAll: false } });
        const { original } = facts;
        reports.push({
          ...facts,
          original: typeof original === 'string' ? original : withoutOctets(original),
        });
      }
      const id = deps.newId();
      const made = buildDigest({ id, host, to, date: dateNow(), perHour, reports });
      return enqueue(messageOf(id, to, made), told);
    },

    settle: ({ due, source }) => commit(due, clearReport(due, source.ordinals)),
    drop: due => commit(due, clearStale(due)),
  };
}

function messageOf(id: string, to: string, { octets, bodyType, smtputf8 }: MadeReport): NewMessage {
  return {
    id,
    kind: 'dsn',
    accountId: null,
    reversePath: '',
    forwardPaths: [to],
    bodyType,
    smtputf8,
    size: octets.length,
    hash: createHash('sha256').update(octets).digest('hex'),
    content: { kind: 'octets', octets },
    clientAddress: null,
    // An upstream that replaces the null sender must not report on a report either.
    dsn: {
      envelopeId: null,
      returns: null,
      recipients: [{ notify: 'never', originalRecipient: null }],
    },
  };
}
