// The reporter over a real database: a report that cannot be delivered itself, and what goes wrong with one message or one
// person, which holds up nobody else.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewMessage } from '../../server/queue/message.ts';
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

describe('a report that fails itself', () => {
  const sendReport = (report?: NewMessage['report']) =>
    bench.send('R1', {
      ...{ kind: 'dsn', reversePath: '', accountId: null, forwardPaths: ['gone@example.org'] },
      ...(report === undefined ? {} : { report }),
    });
  const failReport = async (report?: NewMessage['report']) => {
    await sendReport(report);
    await bench.end('R1', { reply: '550 5.1.1 Unknown' });
    await bench.reporter.look();
    await bench.reporter.look();
    expect((await bench.reports()).map(({ id }) => id)).toEqual(['R1']);
    expect(await flags()).toEqual([]);
  };

  it('is an alert about the mail that it was about, once', async () => {
    await bench.send('M1', { forwardPaths: ['a@example.net', 'b@example.net', 'c@example.net'] });
    await bench.end('M1', { report: null });
    await bench.end(
      'M1',
      { state: 'relayed', report: null, outcome: 'relayed', reply: '250 Ok', text: null },
      2,
    );
    await failReport({ about: 'M1', kind: 'failure' });
    expect(bench.alerts).toEqual([
      {
        kind: 'mail-failed',
        subject: 'scanner: reports',
        account: 'scanner',
        text: 'A message of account scanner to a@example.net and 1 more could not be delivered: 550 5.1.1 No such mailbox. Nor could the report of that to gone@example.org: main refused this recipient for good. "postern queue show M1" tells the story. "postern account set scanner --owner ADDRESS" has such reports sent to an address that works.',
      },
    ]);
  });

  it.each(['delay', 'relayed'] as const)('is no alert where nothing is lost: %s', async kind => {
    await bench.send('M1');
    await failReport({ about: 'M1', kind });
    expect(bench.alerts).toEqual([]);
  });

  it('is no alert where the mail was sent again meanwhile', async () => {
    await bench.send('M1');
    await failReport({ about: 'M1', kind: 'failure' });
    expect(bench.alerts).toEqual([]);
  });

  it('is an alert about itself where it was about many, or about what is gone', async () => {
    await failReport();
    const end =
      ' to gone@example.org could not be delivered: main refused this recipient for good. "postern queue show R1" tells the story, "postern queue list --state failed" shows mail that failed.';
    expect(bench.alerts).toEqual([
      { kind: 'mail-failed', subject: 'reports', text: `A summary of reports about mail${end}` },
    ]);
    await bench.sql(`UPDATE message SET about_id = 'OLD', report_kind = 'failure' WHERE id = 'R1'`);
    await bench.sql(`UPDATE recipient SET report = 'failure' WHERE message_id = 'R1'`);
    await bench.reporter.look();
    expect(bench.alerts[1]?.text).toBe(`A report about mail${end}`);
  });
});

describe('something that goes wrong', () => {
  it('with one message holds up no other, and is tried again', async () => {
    for (const id of ['M1', 'M2', 'M3']) {
      await bench.send(id);
      await bench.end(id, {});
    }
    const broken = await bench.restart({
      readOriginal: async ({ about }) => {
        if (about.id === 'M1') throw new Error('a bug');
        return 'unreadable';
      },
    });
    await broken.look();
    expect((await bench.reports()).map(({ about }) => about)).toEqual(['M2', 'M3']);
    expect(bench.world.logged.filter(({ event }) => event === 'report.failed')).toEqual([
      { event: 'report.failed', fields: { text: 'The report about M1 could not be made: a bug' } },
    ]);
    await bench.reporter.look();
    expect((await bench.reports()).map(({ about }) => about)).toEqual(['M2', 'M3', 'M1']);
  });

  it('before it is known who is told holds up no other, and floods no log', async () => {
    const isRewritten = () => {
      throw new Error('a bug');
    };
    for (let i = 10; i < 30; i++) {
      await bench.send(`M${i}`);
      await bench.end(`M${i}`, {});
    }
    await bench.send('R1', { kind: 'dsn', reversePath: '', accountId: null });
    await bench.end('R1', {});
    const broken = await bench.restart({ isRewritten });
    await broken.look();
    expect(bench.alerts).toMatchObject([{ kind: 'mail-failed', subject: 'reports' }]);
    const said = bench.world.logged.map(({ fields }) => fields['text']);
    expect(said).toHaveLength(6);
    expect(said.at(-1)).toBe('15 more reports could not be made.');
  });

  it('with all that one person is told holds up nobody else', async () => {
    for (let i = 10; i < 30; i++) {
      await bench.send(`M${i}`);
      await bench.end(`M${i}`, {});
    }
    await bench.send('Z', { reversePath: 'other@example.org' });
    await bench.end('Z', {});
    const broken = await bench.restart({
      enqueue: async (message, ...rest) => {
        if (message.report === undefined) throw new Error('a bug');
        return bench.queue.enqueue(message, ...rest);
      },
    });
    await broken.look();
    expect((await bench.reports()).map(({ to }) => to)).toEqual(['other@example.org']);
    expect(await flags()).toHaveLength(20);
  });
});
