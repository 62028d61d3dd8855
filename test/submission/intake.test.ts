import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IntakeBench, openIntakeBench } from './intake-bench.ts';

let bench: IntakeBench;
beforeEach(async () => {
  bench = await openIntakeBench();
});
afterEach(() => bench.close());

const QUEUED = /^250 2\.0\.0 Ok: queued as /;
const count = async (table: 'message' | 'recipient' | 'sending' | 'body') =>
  Number((await bench.queue.database.read(`SELECT COUNT(*) AS n FROM ${table}`))[0]?.['n']);
const files = () => readdirSync(join(bench.queue.folder, 'spool'));
const refusals = () =>
  bench.log.filter(({ event }) => event === 'message.refused').map(({ fields }) => fields['reason']);
const message = (octets: number) => `Subject: x\r\n\r\n${'x'.repeat(octets)}\r\n`;

describe('an account without limits', () => {
  it('leaves a message and no record of having sent it', async () => {
    expect(await bench.submit({})).toMatch(QUEUED);
    expect([await count('message'), await count('sending')]).toEqual([1, 0]);
  });
});

describe('what a client asks for with its message', () => {
  it('is kept with the message and with each recipient', async () => {
    const to = ['a@example.org', 'b@example.org', 'c@example.org'];
    const wishes = [
      { notify: ['success', 'delay'], originalRecipient: 'rfc822;A@example.org' },
      { notify: 'never', originalRecipient: null },
    ] as const;
    const dsn = { envelopeId: 'order 7', returns: 'headers' } as const;
    expect(await bench.submit({ to, dsn, wishes, requireTls: true })).toMatch(QUEUED);
    const { database } = bench.queue;
    expect(await database.read('SELECT envelope_id, returns, require_tls FROM message')).toEqual([
      { envelope_id: 'order 7', returns: 'headers', require_tls: 1 },
    ]);
    expect(
      await database.read('SELECT forward_path, notify, original_recipient FROM recipient ORDER BY ordinal'),
    ).toEqual([
      {
        forward_path: 'a@example.org',
        notify: 'success,delay',
        original_recipient: 'rfc822;A@example.org',
      },
      { forward_path: 'b@example.org', notify: 'never', original_recipient: null },
      { forward_path: 'c@example.org', notify: null, original_recipient: null },
    ]);
  });

  it('is nothing where nothing was asked', async () => {
    expect(await bench.submit({})).toMatch(QUEUED);
    const { database } = bench.queue;
    expect(await database.read('SELECT envelope_id, returns, require_tls FROM message')).toEqual([
      { envelope_id: null, returns: null, require_tls: 0 },
    ]);
    expect(await database.read('SELECT notify, original_recipient FROM recipient')).toEqual([
      { notify: null, original_recipient: null },
    ]);
  });
});

describe('an account that ends while its message arrives', () => {
  it.each([
    ['small', 100],
    ['large', 200_000],
  ])('leaves nothing behind: %s', async (_size, octets) => {
    bench.setMaySend(false);
    expect(await bench.submit({ data: [message(octets)] })).toMatch(/^550 5\.7\.1 /);
    expect([await count('message'), files()]).toEqual([0, []]);
  });
});

describe('a data folder that cannot be written', () => {
  it('is told where a message file cannot be made; a small message needs none', async () => {
    rmSync(join(bench.queue.folder, 'spool'), { recursive: true });
    expect(await bench.submit({ data: [message(200_000)] })).toMatch(/^451 4\.3\.0 /);
    expect(bench.failing).toEqual([
      expect.stringMatching(/^A message file could not be written: ENOENT.*spool/),
    ]);
    expect(await bench.submit({})).toMatch(QUEUED);
    expect(bench.failing).toHaveLength(1);
  });

  it('is told where a commit meets an I/O error, and not where the disk is only full', async () => {
    bench.setBroken('full');
    expect(await bench.submit({})).toMatch(/^452 /);
    expect(bench.failing).toEqual([]);
    bench.setBroken('io');
    expect(await bench.submit({})).toMatch(/^421 4\.3\.0 /);
    expect(bench.failing).toEqual(['A message could not be stored: disk I/O error']);
  });
});

describe('permitted senders', () => {
  const policy = { sender: 'scan@example.com', senders: ['@printers.example'] };

  it.each([
    ['its own', 'From: scan@example.com\r\n'],
    ['none, so that its own is added', ''],
  ])('take a From that is %s', async (_what, header) => {
    expect(await bench.submit({ policy, from: '', data: [`${header}Subject: x\r\n\r\n`] })).toMatch(QUEUED);
    const [row] = await bench.queue.database.read('SELECT octets FROM body');
    expect(Buffer.from(row?.['octets'] instanceof Uint8Array ? row['octets'] : []).toString()).toContain(
      'From: scan@example.com\r\n',
    );
  });

  it('refuse a From of somebody else at the end of data, and keep nothing', async () => {
    const data = ['From: Boss <ceo@exam', 'ple.com>\r\n', message(300_000)];
    expect(await bench.submit({ policy, data })).toBe(
      '550 5.7.1 This account may not send as <ceo@example.com>, named in the From header',
    );
    expect([await count('message'), files()]).toEqual([0, []]);
    expect(refusals()).toEqual(['senders']);
  });

  it('take it unchanged where others are allowed', async () => {
    const data = ['From: ceo@example.com\r\n\r\n'];
    expect(await bench.submit({ policy: { ...policy, otherSenders: 'allow' }, data })).toMatch(QUEUED);
  });
});

describe("an account's message size", () => {
  it('is counted while the message comes', async () => {
    const policy = { messageSize: 100_000 };
    expect(await bench.submit({ policy, data: [message(99_000)] })).toMatch(QUEUED);
    expect(await bench.submit({ policy, data: [message(99_000), 'x'.repeat(2_000)] })).toBe(
      '552 5.3.4 Message too large, this account may send at most 100000 octets',
    );
    expect(refusals()).toEqual(['message-size']);
  });
});

describe('sending limits', () => {
  const policy = { messagesPerHour: 5 };

  it('accept exactly as many of many sessions at once, and record each in the commit of its message', async () => {
    const replies = await Promise.all(Array.from({ length: 40 }, () => bench.submit({ policy })));
    expect(replies.filter(reply => QUEUED.test(reply ?? ''))).toHaveLength(5);
    expect(
      replies.filter(reply => reply?.startsWith('450 4.7.1 This account may send 5 messages an hour')),
    ).toHaveLength(35);
    expect([await count('message'), await count('sending')]).toEqual([5, 5]);
  });

  it('accept exactly as many recipients of a day', async () => {
    const to = ['a@example.org', 'b@example.org', 'c@example.org'];
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => bench.submit({ policy: { recipientsPerDay: 10 }, to })),
    );
    expect(replies.filter(reply => QUEUED.test(reply ?? ''))).toHaveLength(3);
    expect(await count('recipient')).toBe(9);
    expect(await bench.submit({ policy: { recipientsPerDay: 10 } })).toMatch(QUEUED);
    expect(await bench.submit({ policy: { recipientsPerDay: 10 } })).toMatch(
      /^452 4\.5\.3 This account may send to 10/,
    );
  });

  it('count nothing that was refused or vanished, for whatever reason', async () => {
    const restricted = { ...policy, senders: ['scan@example.com'] };
    for (let i = 0; i < 10; i++) {
      expect(await bench.submit({ policy, vanish: true })).toBeNull();
      expect(await bench.submit({ policy: restricted, data: ['From: x@y.example\r\n\r\n'] })).toMatch(/^550/);
      expect(await bench.submit({ policy: { ...policy, messageSize: 10 } })).toMatch(/^552/);
      bench.setRoom(false);
      expect(await bench.submit({ policy })).toMatch(/^452 4\.3\.1 Not enough disk space/);
      bench.setRoom(true);
      bench.setBroken('full');
      expect(await bench.submit({ policy })).toMatch(/^452 4\.3\.1 Not enough disk space/);
      bench.setBroken(null);
    }
    for (let i = 0; i < 5; i++) expect(await bench.submit({ policy })).toMatch(QUEUED);
    expect(await bench.submit({ policy })).toMatch(/^450 4\.7\.1 .* try again in 60 minutes$/);
  });

  it('count a place that was taken and never used only until it is given back', async () => {
    const one = { messagesPerDay: 1 };
    const transaction = await takenPlace(one);
    expect(await bench.submit({ policy: one })).toMatch(/^450/);
    transaction.end();
    expect(await bench.submit({ policy: one })).toMatch(QUEUED);
  });
});

async function takenPlace(policy: Readonly<{ messagesPerDay: number }>) {
  const reserved = bench.usage.reserve(
    'A1',
    { messagesPerMinute: null, messagesPerHour: null, recipientsPerDay: null, ...policy },
    1,
  );
  if (reserved.kind !== 'reserved' || !reserved.place) throw new Error('no place');
  return reserved.place;
}

describe('a share of the queue', () => {
  const policy = { queueShare: { kind: 'octets', octets: 300_000 } } as const;

  it('is asked with the declared size before the data, and counted while they come', async () => {
    expect(await bench.submit({ policy, declaredSize: 200_000, data: [message(200_000)] })).toMatch(QUEUED);
    const full =
      '452 4.3.1 Mail of this account that waits here has reached its share of the queue, try again later';
    expect(await bench.submit({ policy, declaredSize: 200_000 })).toBe(full);
    expect(await bench.submit({ policy, data: [message(90_000), 'x'.repeat(90_000)] })).toBe(full);
    expect(await bench.submit({ policy, data: [message(50_000)] })).toMatch(QUEUED);
    expect(await count('message')).toBe(2);
    expect(files()).toHaveLength(1);
  });

  it('is never exceeded by sessions that come at once without declaring anything', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => bench.submit({ policy, data: [message(30_000), message(30_000)] })),
    );
    const queued = replies.filter(reply => QUEUED.test(reply ?? '')).length;
    const [sum] = await bench.queue.database.read('SELECT SUM(size) AS octets FROM message');
    expect(queued).toBeGreaterThan(0);
    expect(Number(sum?.['octets'])).toBeLessThanOrEqual(300_000);
    expect(await count('message')).toBe(queued);
  });

  it('in percent is of the disk and of what waits', async () => {
    const tenth = { queueShare: { kind: 'percent', percent: 10 } } as const;
    expect(await bench.submit({ policy: tenth, data: [message(90_000)] })).toMatch(QUEUED);
    expect(await bench.submit({ policy: tenth, data: [message(90_000)] })).toMatch(
      /^452 4\.3\.1 Mail of this account/,
    );
    expect(refusals()).toEqual(['queue-share']);
  });
});
