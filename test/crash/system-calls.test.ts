// The order of system calls on a running server: what kill -9 cannot show, because it leaves the page cache alone.
// Every 250 comes after the sync of its octets, and every reply goes out in one write.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { addAccount, type Installation, install } from '../support/postern.ts';
import { parseTrace, type SystemCall, straceCommand } from '../support/strace.ts';
import { openWire } from '../support/wire.ts';

const skip = mustSkip('order of system calls', suiteNeeds.crash);
const CALLS = [
  ...['read', 'readv', 'recvfrom', 'recvmsg', 'write', 'writev', 'sendto', 'sendmsg', 'pwrite64', 'pwritev'],
  ...['fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'openat'],
];
const SMALL = 'a-small-message-by-its-marker';
const BIG = 'a-big-message-by-its-marker';

let at: Installation;
let calls: readonly SystemCall[];
/** The client's connection as strace names it. */
let session: readonly SystemCall[];

beforeAll(async () => {
  if (skip) return;
  at = await install();
  const trace = join(at.folder, 'trace');
  const account = await addAccount(at, 'traced', 'traced secret');
  const server = await at.serve({ wrapper: straceCommand(trace, CALLS) });
  await converse(account.password);
  await server.kill9(); // SIGTERM would end strace, not the server
  calls = parseTrace(readFileSync(trace, 'utf8'));
  session = calls.filter(call => call.target.startsWith(`TCP:[127.0.0.1:${at.ports.implicit}->`));
});

afterAll(async () => at?.remove());

/** A session with one small and one big message, every command after the reply to the one before. */
async function converse(password: string): Promise<void> {
  const wire = await openWire({
    port: at.ports.implicit,
    ca: readFileSync(at.ca, 'utf8'),
    implicitTls: true,
  });
  const token = Buffer.from(`\0traced\0${password}`).toString('base64');
  const transaction = (message: string) =>
    ['MAIL FROM:<a@sender.test>', 'RCPT TO:<b@destination.test>', 'DATA', `${message}\r\n.`] as const;
  const big = `${BIG}\r\n${`${'y'.repeat(70)}\r\n`.repeat(4000)}end`;
  const lines = [
    'EHLO traced.example',
    `AUTH PLAIN ${token}`,
    ...transaction(`Subject: small\r\n\r\n${SMALL}`),
    ...transaction(`Subject: big\r\n\r\n${big}`),
  ];
  await wire.reply();
  for (const line of lines) {
    await wire.send(`${line}\r\n`);
    const reply = await wire.reply();
    if (!/^[23]/.test(reply[0] ?? '')) throw new Error(`${line.slice(0, 40)}: ${reply.join(' | ')}`);
  }
  wire.close();
}

const isWrite = (call: SystemCall) => /^p?write|^send/.test(call.name);
const isSync = (call: SystemCall) => /^f(data)?sync$/.test(call.name) && call.succeeded;

/** The first call that satisfies the test and begins after line `after`; fails when there is none. */
function next(what: string, after: number, test: (call: SystemCall) => boolean): SystemCall {
  const found = calls.find(call => call.begin > after && test(call));
  if (found === undefined) throw new Error(`no ${what} after line ${after} of the trace`);
  return found;
}

/** The reply to the client that follows line `after`. */
function replyAfter(after: number): SystemCall {
  return next('reply', after, call => session.includes(call) && isWrite(call));
}

describe.skipIf(skip)('order of system calls', () => {
  it('a small message: WAL written, WAL synced, then 250', () => {
    const wal = join(at.data, 'postern.db-wal');
    const written = next('write of the message', 0, call => call.target === wal && call.text.includes(SMALL));
    const synced = next('sync of the WAL', written.end, call => isSync(call) && call.target === wal);
    expect(replyAfter(written.begin).begin).toBeGreaterThan(synced.end);
  });

  it('a big message: file synced, renamed, directory synced, WAL synced, then 250', () => {
    const spool = join(at.data, 'spool');
    const wal = join(at.data, 'postern.db-wal');
    const opened = next(
      'spool file',
      0,
      call => call.name === 'openat' && call.text.includes(`${spool}/`) && call.text.includes('O_CREAT'),
    );
    const path = /"([^"]+)"/.exec(opened.text)?.[1] ?? '';
    const writes = calls.filter(call => call.target === path && isWrite(call));
    expect(writes.some(call => call.text.includes(BIG))).toBe(true);
    const lastWrite = Math.max(...writes.map(call => call.end));
    const fileSynced = next(
      'sync of the spool file',
      lastWrite,
      call => isSync(call) && call.target === path,
    );
    const renamed = next(
      'rename',
      fileSynced.end,
      call => /^rename/.test(call.name) && call.text.includes(path),
    );
    const folderSynced = next(
      'sync of the folder',
      renamed.end,
      call => isSync(call) && call.target === spool,
    );
    const committed = next('commit', folderSynced.end, call => call.target === wal && isWrite(call));
    const walSynced = next('sync of the WAL', committed.end, call => isSync(call) && call.target === wal);
    expect(replyAfter(lastWrite).begin).toBeGreaterThan(walSynced.end);
  });

  it('every reply is one write', () => {
    const order = session.filter(call => isWrite(call) || call.succeeded).sort((a, b) => a.begin - b.begin);
    const doubled = order.filter((call, i) => isWrite(call) && i > 0 && isWrite(order[i - 1] ?? call));
    expect(doubled.map(call => call.text.slice(0, 120))).toEqual([]);
    // Greeting, EHLO, AUTH and four for each message, after what the handshake takes.
    expect(order.filter(isWrite).length).toBeGreaterThanOrEqual(11);
  });
});
