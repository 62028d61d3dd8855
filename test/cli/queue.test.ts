// The operator's commands over a queue with one message of each kind: waiting, tried, failed.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { createQueue } from '../../server/queue/queue.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

const QUEUED_AT = Date.UTC(2026, 10, 21, 2, 0, 0);

const mail = [
  'From: =?utf-8?q?Scann=C3=A9r?= <scanner@home.example>',
  'Subject: =?utf-8?b?U2NhbiDwn5Oh?=',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: text/html',
  '',
  '<p>hello</p>',
  '--b',
  'Content-Type: application/pdf; name="scan.pdf"',
  'Content-Disposition: attachment; filename="scan.pdf"',
  'Content-Transfer-Encoding: base64',
  '',
  Buffer.from('x'.repeat(3000)).toString('base64'),
  '--b--',
  '',
].join('\r\n');

let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.run(['account', 'add', 'Scanner']);
  const [account] = (await line.json(['account', 'list'])) as readonly { id: string }[];
  await line.run(['upstream', 'add', 'main', '--url', 'smtps://relay.example']);
  const [upstream] = (await line.json(['upstream', 'list'])) as readonly { id: string }[];
  await fill(account?.id ?? '', upstream?.id ?? '');
});
afterAll(() => line.remove());

async function fill(accountId: string, upstreamId: string): Promise<void> {
  const store = await openStore({
    path: join(line.folder, 'data'),
    as: 'command',
    allowUnsafeFilesystem: false,
    random: systemRandom,
    onFatal: text => {
      throw new Error(text);
    },
  });
  const queue = createQueue({ database: store.database, newId: () => 'LEASE' });
  const octets = Buffer.from(mail);
  const message = {
    kind: 'mail',
    reversePath: 'scanner@home.example',
    bodyType: '7bit',
    smtputf8: false,
    size: octets.length,
    hash: createHash('sha256').update(octets).digest('hex'),
    content: { kind: 'octets', octets },
    clientAddress: '192.0.2.9',
  } as const;
  const one = { ...message, id: 'MESSAGE1', accountId, forwardPaths: ['a@x.example', 'B@x.example'] };
  await queue.enqueue(one, QUEUED_AT);
  await queue.look();
  const claims = await queue.claim({
    upstreamId,
    ways: [''],
    limit: 10,
    now: QUEUED_AT + 1,
    horizon: QUEUED_AT + 1_000_000,
    provisionalNextAttemptAt: QUEUED_AT + 60_000,
    leaseExpiresAt: QUEUED_AT + 60_000,
  });
  const [claim] = 'kind' in claims ? [] : claims;
  if (claim === undefined) throw new Error('nothing was claimed');
  const attempt = { attempt: 1, startedAt: QUEUED_AT + 1000, duration: 250, upstream: 'main', stage: 'rcpt' };
  const common = { way: '', deferrals: 0, status: null, ambiguousSince: null, report: null };
  await queue.settle(
    claim,
    [
      {
        ...attempt,
        ordinal: 0,
        settlement: {
          ...common,
          state: 'failed',
          outcome: 'failed',
          nextAttemptAt: null,
          reply: '550 5.1.1 no\u001b[2J',
          text: 'main knows no such recipient\u001b[2J.',
        },
      },
      {
        ...attempt,
        ordinal: 1,
        settlement: {
          ...common,
          state: 'deferred',
          outcome: 'deferred',
          nextAttemptAt: QUEUED_AT + 90_000,
          reply: '450 4.2.0 later',
          text: 'main asks to try again later.',
        },
      },
    ],
    QUEUED_AT + 2000,
  );
  await queue.enqueue(
    { ...message, id: 'MESSAGE2', accountId: null, forwardPaths: ['c@y.example'] },
    QUEUED_AT + 5000,
  );
  await store.close();
}

const first = {
  id: 'MESSAGE1',
  kind: 'mail',
  account: 'Scanner',
  reverse_path: 'scanner@home.example',
  size: Buffer.byteLength(mail),
  queued_at: '2026-11-21T02:00:00.000Z',
  held: false,
  held_at: null,
  held_because: null,
  has_content: true,
  recipients: [
    {
      forward_path: 'a@x.example',
      state: 'failed',
      attempts: 1,
      next_attempt_at: null,
      upstream: 'main',
      last_reply: '550 5.1.1 no\u001b[2J',
      settled_at: '2026-11-21T02:00:02.000Z',
    },
    {
      forward_path: 'B@x.example',
      state: 'deferred',
      attempts: 1,
      next_attempt_at: '2026-11-21T02:01:30.000Z',
      upstream: 'main',
      last_reply: '450 4.2.0 later',
      settled_at: null,
    },
  ],
};

async function ids(words: readonly string[]): Promise<readonly string[]> {
  return ((await line.json(['queue', 'list', ...words])) as readonly { id: string }[]).map(one => one.id);
}

describe('queue list', () => {
  it('has the shape that others rely on', async () => {
    const [one, two] = (await line.json(['queue', 'list'])) as readonly unknown[];
    expect(one).toEqual(first);
    expect(two).toMatchObject({
      id: 'MESSAGE2',
      account: null,
      recipients: [{ state: 'queued', upstream: null }],
    });
  });
  it('is filtered by account, state and recipient', async () => {
    expect(await ids([])).toEqual(['MESSAGE1', 'MESSAGE2']);
    expect(await ids(['--account', 'SCANNER'])).toEqual(['MESSAGE1']);
    expect(await ids(['--state', 'failed'])).toEqual(['MESSAGE1']);
    expect(await ids(['--state', 'in-flight'])).toEqual([]);
    expect(await ids(['--recipient', 'b@X.example'])).toEqual(['MESSAGE1']);
    expect(await ids(['--account', 'scanner', '--recipient', 'c@y.example'])).toEqual([]);
  });
  it('says why mail waits, to people only', async () => {
    expect((await line.run(['queue', 'list'])).stdout).not.toContain('mail waits');
    const data = await line.json(['queue', 'list']);
    await line.run(['upstream', 'pause', 'main']);
    for (const words of [['list'], ['show', 'MESSAGE1']]) {
      const { stdout } = await line.run(['queue', ...words]);
      expect(stdout).toMatch(/\n\nUpstream main is paused since .*: mail waits\. .*upstream resume main\n$/);
    }
    expect(await line.json(['queue', 'list'])).toEqual(data);
    await line.run(['upstream', 'resume', 'main']);
  });
  it('cannot command a terminal through a remote reply', async () => {
    const { stdout } = await line.run(['queue', 'list']);
    expect(stdout).toContain('550 5.1.1 no\\u001b[2J');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('queue show', () => {
  it('has sender, subject, attachments, recipients, what they wait for, and attempts', async () => {
    const [failed, deferred] = first.recipients;
    expect(await line.json(['queue', 'show', 'message1'])).toEqual({
      ...first,
      recipients: [
        { ...failed, route: null, upstreams: [], may_have_it: false, waits: null, report_due: null },
        {
          ...deferred,
          route: null,
          upstreams: ['main'],
          may_have_it: false,
          waits: expect.stringMatching(/^waits for upstream main; /),
          report_due: null,
        },
      ],
      sender: '"Scannér" <scanner@home.example>',
      subject: 'Scan 📡',
      attachments: [{ name: 'scan.pdf', type: 'application/pdf', size: 3000 }],
      attempts: [
        {
          forward_path: 'a@x.example',
          number: 1,
          started_at: '2026-11-21T02:00:01.000Z',
          duration: 250,
          upstream: 'main',
          stage: 'rcpt',
          outcome: 'failed',
          reply: '550 5.1.1 no\u001b[2J',
          text: 'main knows no such recipient\u001b[2J.',
          status: null,
        },
        expect.objectContaining({
          forward_path: 'B@x.example',
          outcome: 'deferred',
          reply: '450 4.2.0 later',
          text: 'main asks to try again later.',
        }),
      ],
      reports: [],
    });
  });
  it('tells the story of each recipient to people', async () => {
    const { stdout } = await line.run(['queue', 'show', 'MESSAGE1']);
    expect(stdout).toMatch(/^Subject +Scan 📡$/m);
    expect(stdout).toMatch(/^Attachment +scan\.pdf, application\/pdf, 2\.9 KiB$/m);
    expect(stdout.slice(stdout.indexOf('a@x'))).toMatch(
      new RegExp(
        [
          '^a@x\\.example: failed at 2026-11-21 02:00:02Z',
          '  NO  TIME                  UPSTREAM  TOOK    STAGE  OUTCOME  REPLY',
          '  1   2026-11-21 02:00:01Z  main      250 ms  rcpt   failed   550 5\\.1\\.1 no\\\\u001b\\[2J',
          '      main knows no such recipient\\\\u001b\\[2J\\.',
          '',
          'B@x\\.example: deferred',
          '  waits for upstream main',
          '  (due now|the next attempt is at .*)',
          '  NO .*',
          '  1   2026-11-21 02:00:01Z  main      250 ms  rcpt   deferred  450 4\\.2\\.0 later',
          '      main asks to try again later\\.',
          '',
        ].join('\n'),
      ),
    );
  });
  it('of a message that is not there fails', async () => {
    const ran = await line.run(['queue', 'show', 'NONE']);
    expect(ran).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('no message "NONE"'),
    });
  });
});

describe('queue stats, retry, delete', () => {
  it('count, retry and delete recipients and messages', async () => {
    const size = Buffer.byteLength(mail);
    const none = { queued: 0, in_flight: 0, deferred: 0, held: 0, relayed: 0, failed: 0, expired: 0 };
    expect(await line.json(['queue', 'stats'])).toEqual({
      ...none,
      queued: 1,
      deferred: 1,
      failed: 1,
      bytes: 2 * size,
    });
    expect(await line.json(['queue', 'retry', 'message1'])).toEqual({
      messages: 1,
      recipients: 2,
      in_flight: 0,
      content_gone: 0,
    });
    expect(await line.json(['queue', 'stats'])).toMatchObject({ queued: 1, deferred: 2, failed: 0 });
    expect(await line.run(['queue', 'delete', 'MESSAGE1', 'NONE'])).toMatchObject({ status: 1 });
    expect(await ids([])).toEqual(['MESSAGE1', 'MESSAGE2']);
    expect(await line.json(['queue', 'delete', '--recipient', 'c@y.example'])).toMatchObject({ messages: 1 });
    expect(await line.json(['queue', 'delete', '--all', '--yes'])).toMatchObject({ messages: 1 });
    expect(await line.json(['queue', 'list'])).toEqual([]);
    expect(await line.json(['queue', 'stats'])).toEqual({ ...none, bytes: 0 });
    expect((await line.run(['queue', 'list'])).stdout).toBe('Nothing waits.\n');
  });
});
