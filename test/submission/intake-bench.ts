// The way from 354 to the queue over a real database and spool, with the limits and shares of accounts before it.

import type { AccountPolicy } from '../../server/accounts/account-policy.ts';
import { createUsage, type Usage } from '../../server/accounts/usage.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { createQueueShares } from '../../server/queue/queue-share.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { type MessageDsn, NO_MESSAGE_DSN, type RecipientDsn } from '../../server/smtp/dsn-parameters.ts';
import { NULL_PATH, type Path, parsePath } from '../../server/smtp/path.ts';
import { formatReply, type Reply } from '../../server/smtp/reply.ts';
import { noForwardPaths } from '../../server/submission/forward-paths.ts';
import type { DataReader, IncomingData } from '../../server/submission/incoming-data.ts';
import { createIntake, type Intake } from '../../server/submission/intake.ts';
import { createMessagePlaces } from '../../server/submission/message-place.ts';
import type { Transaction } from '../../server/submission/transaction.ts';
import { openQueueBench, type QueueBench } from '../queue/support.ts';
import { free } from './policies.ts';

export type LogLine = Readonly<{ event: string; fields: Readonly<Record<string, unknown>> }>;

export type Submission = Readonly<{
  policy?: Partial<AccountPolicy>;
  from?: string;
  to?: readonly string[];
  declaredSize?: number;
  requireTls?: boolean;
  /** What the client asked to be told: of the message, and of each recipient. */
  dsn?: Partial<MessageDsn>;
  wishes?: readonly RecipientDsn[];
  /** The data, in chunks; `vanish` ends the connection after them. */
  data?: readonly string[];
  vanish?: boolean;
}>;

export type IntakeBench = Readonly<{
  queue: QueueBench;
  intake: Intake;
  usage: Usage;
  log: readonly LogLine[];
  /** What was said of a data folder that cannot be written. */
  failing: readonly string[];
  /** DATA and what follows; the reply to the one or the other, or null where the client vanished. */
  submit: (submission: Submission) => Promise<string | null>;
  /** Makes the disk full or not. */
  setRoom: (room: boolean) => void;
  /** Lets commits fail, or succeed again. */
  setBroken: (broken: 'full' | 'io' | null) => void;
  /** Whether the account may send still when its message has come whole. */
  setMaySend: (maySend: boolean) => void;
  close: () => Promise<void>;
}>;

const ACCOUNT = 'A1';
const HOSTNAME = 'postern.test';

export async function openIntakeBench(): Promise<IntakeBench> {
  const bench = await openQueueBench();
  const { database, queue, spool } = bench;
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const log: LogLine[] = [];
  const failing: string[] = [];
  let room = true;
  let broken: 'full' | 'io' | null = null;
  let maySend = true;
  await database.commit([
    {
      sql: `INSERT INTO account (id, name, canonical_name, enabled, created_at, credential_version)
        VALUES (?, 'scanner', 'scanner', 1, 0, 1)`,
      params: [ACCOUNT],
    },
  ]);
  const usage = await createUsage({ database, clock, clockTrusted: () => true });
  const intake = createIntake({
    hostname: HOSTNAME,
    traceId: 'T1',
    limits: () => ({ messageSize: 1_000_000, sizeLimitOf: null, recipients: 100 }),
    maxReceived: 50,
    showClientAddress: true,
    spool,
    enqueue: (message, queuedAt, further) =>
      broken
        ? Promise.resolve({ kind: broken, text: 'disk I/O error' })
        : queue.enqueue(message, queuedAt, further),
    takePlace: createMessagePlaces({
      hasRoom: async () => room,
      shares: createQueueShares({ database, disk: { room: async () => 1_000_000 }, clock }),
      usage,
    }),
    maySend: () => maySend,
    clockTrusted: () => true,
    clock,
    newId: () => makeId(Date.now(), systemRandom),
    log: (event, fields) => log.push({ event, fields: { ...fields } }),
    onStorageFailing: text => failing.push(text),
    onFatal: text => {
      throw new Error(text);
    },
  });
  return {
    queue: bench,
    intake,
    usage,
    log,
    failing,
    submit: submission => submit(intake, submission),
    setRoom: value => {
      room = value;
    },
    setMaySend: value => {
      maySend = value;
    },
    setBroken: value => {
      broken = value;
    },
    close: bench.close,
  };
}

async function submit(intake: Intake, submission: Submission): Promise<string | null> {
  const transaction = transactionOf(submission);
  const taken = await intake.takePlace(ACCOUNT, transaction);
  if (taken.kind === 'denied') return said(taken.denial.reply);
  const address = parseClientAddress('192.0.2.7');
  if (address === null) throw new Error('no address');
  const reply = await intake.receive(
    dataOf(submission),
    {
      session: 'S1',
      principal: { accountId: ACCOUNT, name: 'scanner', sender: null, credentialVersion: 1 },
      transaction,
      hello: 'scanner',
      extended: true,
      address,
      tls: null,
    },
    taken.place,
  );
  return reply && said(reply);
}

function transactionOf(submission: Submission): Transaction {
  const { policy, from = 'scan@example.com', to, declaredSize, requireTls, dsn, wishes } = submission;
  return {
    policy: { ...free, ...policy },
    reversePath: from === '' ? NULL_PATH : pathOf(from),
    forwardPaths: (to ?? ['office@example.org'])
      .map(pathOf)
      .reduce((paths, path, at) => paths.with(path, wishes?.[at]), noForwardPaths()),
    declaredSize: declaredSize ?? null,
    body: '7bit',
    smtputf8: false,
    requireTls: requireTls ?? false,
    dsn: { ...NO_MESSAGE_DSN, ...dsn },
  };
}

function dataOf({ data = ['Subject: x\r\n\r\nHello\r\n'], vanish = false }: Submission): IncomingData {
  const chunks = data.map(chunk => Buffer.from(chunk));
  let reader: DataReader | null = null;
  let paused = false;
  const go = () => {
    while (reader && !paused) {
      const chunk = chunks.shift();
      if (chunk) {
        reader.octets(chunk);
        continue;
      }
      const last = reader;
      reader = null;
      if (vanish) last.vanished();
      else last.ended();
    }
  };
  return {
    read: given => {
      reader = given;
      setImmediate(go);
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      go();
    },
    discard: () => {
      reader = null;
    },
  };
}

function pathOf(text: string): Path {
  const path = parsePath(text, HOSTNAME);
  if ('kind' in path) throw new Error(path.text);
  return path;
}

function said(reply: Reply): string {
  return formatReply(reply).trimEnd();
}
