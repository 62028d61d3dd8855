// The reporter over a real database: what is said, to whom, once; together with its note in one commit; and what is not.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOW } from '../audit/support.ts';
import { readParts, readStatus, SCAN } from './report-samples.ts';
import { openReporterBench, type ReporterBench } from './reporter-bench.ts';

let bench: ReporterBench;

beforeEach(async () => {
  bench = await openReporterBench();
});

afterEach(async () => {
  await bench.reporter.stop();
  await bench.close();
});

const flags = () => bench.rows(`SELECT message_id, ordinal, report FROM recipient WHERE report IS NOT NULL`);

describe('a failure', () => {
  it('is reported to the sender, once, with all that the record says', async () => {
    await bench.send('M1', { forwardPaths: ['a@example.net', 'b@example.net'] });
    await bench.end('M1', {}, 0);
    await bench.reporter.look();
    await bench.reporter.look();
    const reports = await bench.reports();
    expect(reports).toMatchObject([{ to: 'scanner@example.org', about: 'M1', kind: 'failure' }]);
    const [words, status, header] = readParts(reports[0]?.text ?? '');
    expect(words).toContain('The provider (main) refused this recipient for good.');
    expect(words).toContain('550 5.1.1 No such mailbox');
    expect(words).toContain('From:    account scanner, as scanner@example.org');
    expect(header).toContain('Subject: M1\r\n');
    const [, recipient, ...others] = readStatus(status ?? '');
    expect(others).toEqual([]);
    expect(Object.fromEntries(recipient ?? [])).toMatchObject({
      'Final-Recipient': 'rfc822; a@example.net',
      Status: '5.1.1',
      'Remote-MTA': 'dns; smtp.main.example',
    });
    expect(await flags()).toEqual([]);
    expect(bench.world.logged.map(({ event }) => event)).toEqual(['report.queued']);
  });

  it('goes to the owner where there is one', async () => {
    await bench.sql(`UPDATE account SET owner = 'owner@example.com'`);
    await bench.send('M1', { reversePath: '' });
    await bench.end('M1', {});
    await bench.reporter.look();
    expect(await bench.reports()).toMatchObject([{ to: 'owner@example.com' }]);
    expect(bench.alerts).toEqual([]);
  });

  it('of a message from nobody is an alert, and it is said what to do', async () => {
    await bench.send('M1', { reversePath: '', forwardPaths: ['a@example.net', 'b@example.net'] });
    await bench.end('M1', {});
    await bench.reporter.look();
    await bench.reporter.look();
    expect(await bench.reports()).toEqual([]);
    expect(bench.alerts).toEqual([
      {
        kind: 'mail-failed',
        subject: 'scanner',
        account: 'scanner',
        text: 'A message of account scanner to a@example.net and 1 more could not be delivered: main refused this recipient for good. Its sender has no address that a report could go to. "postern queue show M1" tells the story. "postern account set scanner --owner ADDRESS" lets a person get such reports by mail.',
      },
    ]);
    expect(await flags()).toEqual([]);
  });

  it('of a message that no account sent names none', async () => {
    await bench.send('M1', { reversePath: '', accountId: null });
    await bench.end('M1', { text: null, reply: null, upstream: null });
    await bench.reporter.look();
    expect(bench.alerts).toEqual([
      {
        kind: 'mail-failed',
        subject: '',
        text: 'A message to a@example.net could not be delivered: It was given up. Its sender has no address that a report could go to. "postern queue show M1" tells the story.',
      },
    ]);
  });

  it('of a message whose sender was rewritten is an alert too', async () => {
    const asked: unknown[] = [];
    const isRewritten = (facts: unknown) => asked.push(facts) > 0;
    await bench.send('M1');
    await bench.end('M1', {});
    const reporter = await bench.restart({ isRewritten });
    await reporter.look();
    expect(bench.alerts).toMatchObject([{ kind: 'mail-failed' }]);
    expect(asked).toMatchObject([
      { upstreamId: 'UP', account: 'scanner', reversePath: 'scanner@example.org' },
    ]);
  });

  it('that an operator put back into the queue meanwhile is not said', async () => {
    await bench.send('M1');
    await bench.end('M1', { state: 'deferred', report: 'failure' });
    await bench.reporter.look();
    expect(await bench.reports()).toEqual([]);
    expect(await flags()).toEqual([]);
  });

  it('of an alert is never said, whatever the row says', async () => {
    await bench.send('M1', { kind: 'alert', accountId: null });
    await bench.end('M1', {});
    await bench.reporter.look();
    expect(await bench.reports()).toEqual([]);
    expect(bench.alerts).toEqual([]);
    expect(await flags()).toEqual([]);
  });

  it('that an operator brought about names them, and what the other side said before', async () => {
    await bench.send('M1');
    await bench.end('M1', { state: 'deferred', report: null, outcome: 'deferred', reply: '451 4.2.1 Busy' });
    await bench.end('M1', { reply: null, upstream: null, text: 'Given up by the operator.' });
    await bench.reporter.look();
    const [words, status] = readParts((await bench.reports())[0]?.text ?? '');
    expect(words).toContain('Why: Given up by the operator.');
    expect(words).toContain('451 4.2.1 Busy');
    expect(readStatus(status ?? '')[1]?.get('Status')).toBe('5.0.0');
  });

  it('is said without what can no longer be read', async () => {
    await bench.send('M1');
    await bench.send('M2');
    await bench.sql(`UPDATE body SET octets = ? WHERE message_id = 'M1'`, 'Subject: another one');
    await bench.sql(`DELETE FROM body WHERE message_id = 'M2'`);
    await bench.end('M1', {});
    await bench.end('M2', {});
    await bench.reporter.look();
    for (const { text } of await bench.reports()) {
      expect(text).toContain('can no longer be read here');
      expect(readParts(text)).toHaveLength(2);
    }
  });

  it('that a client wants back whole returns it whole, from the spool too', async () => {
    const octets = Buffer.from(SCAN + 'x'.repeat(70_000).replace(/(.{70})/g, '$1\r\n'));
    const hash = createHash('sha256').update(octets).digest('hex');
    mkdirSync(join(bench.folder, 'spool'), { recursive: true });
    writeFileSync(join(bench.folder, 'spool', 'M1.eml'), octets);
    await bench.send('M1', { size: octets.length, hash, content: { kind: 'spooled' } });
    await bench.sql(`UPDATE message SET returns = 'full', envelope_id = 'QQ1' WHERE id = 'M1'`);
    await bench.end('M1', {});
    await bench.reporter.look();
    const [, status, whole] = readParts((await bench.reports())[0]?.text ?? '');
    expect(readStatus(status ?? '')[0]?.get('Original-Envelope-Id')).toBe('QQ1');
    expect(whole?.trimEnd()).toBe(octets.toString().trimEnd());
  });

  it('of a message with REQUIRETLS returns nothing of it', async () => {
    await bench.send('M1', { requireTls: true });
    await bench.sql(`UPDATE message SET returns = 'full'`);
    await bench.end('M1', {});
    await bench.reporter.look();
    expect((await bench.reports())[0]?.text).not.toMatch(/Subject: M1|eyes only/);
  });
});

describe('the report and its note', () => {
  it('are one commit: what changed meanwhile takes the report back too', async () => {
    await bench.send('M1');
    await bench.end('M1', {});
    const reporter = await bench.restart({
      enqueue: async (...group) => {
        await bench.sql(`UPDATE recipient SET state = 'deferred', report = NULL WHERE message_id = 'M1'`);
        return bench.queue.enqueue(...group);
      },
    });
    await reporter.look();
    expect(await bench.reports()).toEqual([]);
  });

  it('wait for room on the disk', async () => {
    await bench.send('M1');
    await bench.end('M1', {});
    const full = await bench.restart({ enqueue: async () => ({ kind: 'full', text: 'disk' }) });
    await full.look();
    expect(await flags()).toHaveLength(1);
    expect(bench.world.logged).toMatchObject([{ event: 'report.failed' }]);
    await bench.reporter.look();
    expect(await bench.reports()).toHaveLength(1);
  });

  it('end a message that only waited for them, and its file goes', async () => {
    const dsn = {
      ...{ envelopeId: null, returns: null },
      recipients: [{ notify: ['success'] as const, originalRecipient: 'rfc822;old@example.net' }],
    };
    await bench.send('M1', { dsn });
    await bench.end('M1', {
      state: 'relayed',
      report: 'relayed',
      outcome: 'relayed',
      reply: '250 Ok',
      text: null,
    });
    await bench.reporter.look();
    const [report] = await bench.reports();
    expect(report).toMatchObject({ to: 'scanner@example.org', kind: 'relayed' });
    const fields = readStatus(readParts(report?.text ?? '')[1] ?? '')[1];
    expect(fields?.get('Action')).toBe('relayed');
    expect(fields?.get('Original-Recipient')).toBe('rfc822; old@example.net');
    expect(await bench.rows(`SELECT content FROM message WHERE id = 'M1'`)).toEqual([{ content: 'gone' }]);
    expect(bench.discarded).toEqual(['M1']);
  });
});

describe('by itself', () => {
  it('it looks soon after it was kicked, and no more after it was stopped', async () => {
    await bench.send('M1');
    await bench.end('M1', {});
    bench.reporter.kick();
    await expect.poll(async () => (await bench.reports()).length).toBe(1);
    await bench.reporter.stop();
    await bench.send('M2');
    await bench.end('M2', {});
    bench.reporter.kick();
    await bench.reporter.stop();
    expect(await bench.reports()).toHaveLength(1);
    expect(NOW).toBe(bench.world.clock.now());
  });
});
