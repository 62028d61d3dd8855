// Sends again what is still kept: a new message with the same octets, by the commit that a client's mail takes too. The copy
// is durable before its row is; what is copied is proved to be what was stored. The old message is left as it is.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import { notifyFromText } from '../smtp/dsn-parameters.ts';
import type { CommitRefusal, Database, Row } from '../storage/database.ts';
import { type NewMessage, parseQueuedMessage, type QueuedMessage } from './message.ts';
import type { QueueAudit } from './operator-audit.ts';
import type { Spool, SpoolFailure } from './spool.ts';
import { insertion } from './statements.ts';

export type Resent =
  | Readonly<{
      kind: 'queued';
      id: string;
      forwardPaths: readonly string[];
      /** Recipients of the old message that still wait and are among these: they get it twice. */
      stillWaiting: number;
    }>
  | Readonly<{ kind: 'unknown' }>
  /** Its content was removed. */
  | Readonly<{ kind: 'gone' }>
  /** Its content cannot be read, or is not what was stored. */
  | Readonly<{ kind: 'damaged' }>
  | Readonly<{ kind: 'not-copied'; failure: SpoolFailure }>
  | Readonly<{ kind: 'refused'; refusal: CommitRefusal }>;

/** `to`: instead of its own recipients; null: all of them, those who got it too. */
export type Resend = (id: string, to: readonly string[] | null, now: EpochMs) => Promise<Resent>;

type Deps = Readonly<{ database: Database; spool: Spool; newId: NewId; audit: QueueAudit }>;

export function createResend({ database, spool, newId, audit }: Deps): Resend {
  const contentOf = async (old: QueuedMessage, id: string): Promise<NewMessage['content'] | Resent> => {
    switch (old.content) {
      case 'gone':
        return { kind: 'gone' };
      case 'spool':
        return (await copyFile(spool, old, id)) ?? { kind: 'spooled' };
      case 'body': {
        const [row] = await database.read('SELECT octets FROM body WHERE message_id = ?', [old.id]);
        const octets = row?.['octets'];
        if (!(octets instanceof Uint8Array)) return { kind: 'damaged' };
        const hash = createHash('sha256').update(octets).digest('hex');
        return hash === old.hash ? { kind: 'octets', octets } : { kind: 'damaged' };
      }
      default:
        return old.content satisfies never;
    }
  };

  return async (oldId, to, now) => {
    const [row] = await database.read('SELECT * FROM message WHERE id = ?', [oldId]);
    if (row === undefined) return { kind: 'unknown' };
    const recipients = await database.read('SELECT * FROM recipient WHERE message_id = ? ORDER BY ordinal', [
      oldId,
    ]);
    const old = parseQueuedMessage(row);
    const id = newId();
    const content = await contentOf(old, id);
    if (content.kind !== 'octets' && content.kind !== 'spooled') return content;
    const message = newMessage(row, recipients, { old, id, content, to });
    const result = await database.commit([
      ...insertion(message, now, []),
      audit('queue.resent', { ids: [oldId] }, `as ${id}, to ${message.forwardPaths.length}`),
    ]);
    if (result.kind !== 'committed') {
      if (content.kind === 'spooled') await spool.remove(id);
      return { kind: 'refused', refusal: result };
    }
    // A server that started meanwhile may have swept the file before it saw the row. Now nobody does any more.
    if (content.kind === 'spooled' && (await spool.check(id)) === null) {
      const failed = await copyFile(spool, old, id);
      if (failed !== null) return failed;
    }
    return {
      kind: 'queued',
      id,
      forwardPaths: message.forwardPaths,
      stillWaiting: waiting(recipients, message),
    };
  };
}

function newMessage(
  row: Row,
  recipients: readonly Row[],
  made: Readonly<{
    old: QueuedMessage;
    id: string;
    content: NewMessage['content'];
    to: readonly string[] | null;
  }>,
): NewMessage {
  const { old, id, content, to } = made;
  const { accountId, dsn, requireTls } = old;
  return {
    id,
    // A report stays a report: nothing is ever said about it.
    kind: old.kind,
    accountId,
    reversePath: old.reversePath,
    forwardPaths: to ?? recipients.map(one => String(one['forward_path'])),
    bodyType: old.bodyType,
    smtputf8: old.smtputf8,
    size: old.size,
    hash: old.hash,
    content,
    clientAddress: textOrNull(row['client_address']),
    dsn: {
      ...dsn,
      recipients:
        to?.map(() => ({ notify: null, originalRecipient: null })) ??
        recipients.map(one => ({
          notify: notifyFromText(one['notify']),
          originalRecipient: textOrNull(one['original_recipient']),
        })),
    },
    requireTls,
  };
}

/** Null when the copy stands under its name, synced. */
async function copyFile(spool: Spool, old: QueuedMessage, id: string): Promise<Resent | null> {
  const writer = await spool.create(id);
  if ('text' in writer) return { kind: 'not-copied', failure: writer };
  const hash = createHash('sha256');
  try {
    for await (const chunk of octetsOf(spool.open(old.id))) {
      hash.update(chunk);
      const failure = await writer.write([chunk]);
      if (failure === null) continue;
      await writer.abandon();
      return { kind: 'not-copied', failure };
    }
  } catch {
    await writer.abandon();
    return { kind: 'damaged' };
  }
  if (hash.digest('hex') !== old.hash) {
    await writer.abandon();
    return { kind: 'damaged' };
  }
  const failure = await writer.publish();
  return failure === null ? null : { kind: 'not-copied', failure };
}

async function* octetsOf(content: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) if (chunk instanceof Uint8Array) yield chunk;
}

function waiting(recipients: readonly Row[], { forwardPaths }: NewMessage): number {
  const waits = (row: Row) => ['queued', 'deferred', 'in_flight'].includes(String(row['state']));
  return recipients.filter(row => waits(row) && forwardPaths.includes(String(row['forward_path']))).length;
}

function textOrNull(value: Row[string] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
