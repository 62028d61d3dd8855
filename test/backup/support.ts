// A data folder with mail in every state, for the tests of backup, restore and upgrade. Written as rows, because it must be
// possible with an earlier schema too.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackupDone, type Backups, createBackups } from '../../server/backup/backups.ts';
import type { Passphrase } from '../../server/backup/restore.ts';
import { systemClock } from '../../server/clock.ts';
import { systemRandom } from '../../server/ids.ts';
import type { Database, Row } from '../../server/storage/database.ts';
import { openStore, type Store } from '../../server/storage/open-store.ts';
import { openConnection } from '../../server/storage/sqlite.ts';
import { afterTest, scratch } from '../storage/fresh-database.ts';

export const QUEUED_AT = Date.UTC(2026, 10, 21, 2, 0, 0);

export type State = 'queued' | 'deferred' | 'in_flight' | 'relayed' | 'failed';

export type Mail = Readonly<{
  id: string;
  state: State;
  content: 'body' | 'spool' | 'gone';
  held?: boolean;
  text?: string;
}>;

/** One of each kind; what waits is M1 to M5. */
export const EVERY_KIND: readonly Mail[] = [
  { id: 'M1', state: 'queued', content: 'body' },
  { id: 'M2', state: 'deferred', content: 'spool' },
  { id: 'M3', state: 'in_flight', content: 'body' },
  { id: 'M4', state: 'in_flight', content: 'spool' },
  { id: 'M5', state: 'deferred', content: 'body', held: true },
  { id: 'M6', state: 'failed', content: 'spool' },
  { id: 'M7', state: 'relayed', content: 'gone' },
];

export const octetsOf = ({ id, text }: Mail): Buffer =>
  Buffer.from(`Subject: ${id}\r\n\r\n${text ?? `The text of ${id}.`}\r\n`);

/** Writes the rows, by a connection of its own, and the files into `spool`. */
export function fill(database: string, spool: string, mails: readonly Mail[] = EVERY_KIND): void {
  const connection = openConnection(database, 'durable');
  const insertMessage =
    connection.prepare(`INSERT INTO message (id, kind, account_id, reverse_path, body_type, smtputf8,
    size, content, content_hash, queued_at, held_at, retired_at) VALUES (?, 'mail', NULL, ?, '7bit', 0, ?, ?, ?, ?, ?, ?)`);
  const insertBody = connection.prepare('INSERT INTO body (message_id, octets) VALUES (?, ?)');
  const insertRecipient =
    connection.prepare(`INSERT INTO recipient (message_id, ordinal, forward_path, state, attempts,
    deferrals, next_attempt_at, age, lease, upstream_id, settled_at) VALUES (?, 0, ?, ?, 1, 0, ?, 0, ?, ?, ?)`);
  for (const mail of mails) {
    const { id, state, content, held = false } = mail;
    const octets = octetsOf(mail);
    const hash = createHash('sha256').update(octets).digest('hex');
    const isSettled = state === 'relayed' || state === 'failed';
    const inFlight = state === 'in_flight';
    insertMessage.run(
      ...[id, `${id.toLowerCase()}@sender.test`, octets.length, content, hash, QUEUED_AT],
      ...[held ? QUEUED_AT : null, state === 'relayed' ? QUEUED_AT : null],
    );
    if (content === 'body') insertBody.run(id, octets);
    if (content === 'spool') writeFileSync(join(spool, `${id}.eml`), octets, { mode: 0o600 });
    insertRecipient.run(
      ...[id, `${id.toLowerCase()}@destination.test`, state, held || isSettled ? null : QUEUED_AT],
      ...[inFlight ? 'LEASE' : null, inFlight ? 'UP1' : null, isSettled ? QUEUED_AT : null],
    );
  }
  connection.close();
}

export function backupsOf(data: string): Backups {
  return createBackups({
    ...{ data, allowUnsafeFilesystem: false, version: '1.2.3' },
    ...{ clock: systemClock, random: systemRandom },
  });
}

export async function openedStore(path: string, as: 'serve' | 'command' = 'serve'): Promise<Store> {
  const store = await openStore({
    path,
    as,
    allowUnsafeFilesystem: false,
    random: systemRandom,
    onFatal: text => {
      throw new Error(text);
    },
  });
  afterTest(() => store.close());
  return store;
}

export function rowsOf(database: Database, sql: string): Promise<readonly Row[]> {
  return database.read(sql);
}

export const WITHOUT = async (): Promise<Passphrase> => ({ kind: 'without' });
export const given = (secret: string) => async (): Promise<Passphrase> => ({ kind: 'given', secret });

/** A data folder that was closed, with certificates that are none. */
export async function filledFolder(): Promise<string> {
  const data = join(scratch(), 'data');
  const store = await openedStore(data);
  fill(store.folder.database, store.folder.spool);
  for (const name of ['ca.crt', 'ca.key', 'leaf-ec.key'])
    writeFileSync(join(data, 'tls', name), `pem of ${name}`);
  writeFileSync(join(data, 'tls', 'notes.txt'), 'not ours');
  await store.close();
  return data;
}

export async function backUp(
  data: string,
  askPassphrase = WITHOUT,
  file = join(scratch(), 'backup.tar'),
): Promise<BackupDone> {
  const made = await backupsOf(data).make({ file, mayReplace: false, askPassphrase });
  if (made.kind !== 'made') throw new Error(made.text);
  return made;
}

export async function refusal(result: Promise<Readonly<{ kind: string; text?: string }>>): Promise<string> {
  const { kind, text = '' } = await result;
  if (kind !== 'refused') throw new Error(`it was not refused: ${kind} ${text}`);
  return text;
}
