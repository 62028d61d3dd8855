// Devices that send as whom they like, and to `root`, behind an upstream that permits one kind of sender, as providers do:
// a real Postfix that refuses every other sender in envelope and header, and the null one. Mail that it refused goes
// out as soon as the operator has said what it permits.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { field } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import { type Gate, openGate, submit } from './gate.ts';

const skip = mustSkip('end-to-end sender identity', suiteNeeds['end-to-end']);

describe.skipIf(skip)('an upstream that permits only scans@', () => {
  let gate: Gate;

  beforeAll(async () => {
    gate = await openGate(
      { queue: { retry_min: '1s', retry_max: '2s' } },
      { senders: String.raw`scans(\+[a-z-]+)?@upstream\.test` },
    );
    // Seen by the running server at the latest with the first change of the upstream, which the first test waits for.
    await run('recipient', 'add', '*', `inbox@${DESTINATION}`);
  });

  afterAll(async () => gate?.close());

  const run = async (...words: readonly string[]) => {
    const done = await gate.at.cli(words);
    expect(done.code, done.stderr).toBe(0);
    return done.stdout;
  };
  const mail = (...lines: readonly string[]) => Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody\r\n`);
  const events = (event: string) => gate.server.log().filter(line => line.event === event);
  /** What came, without Postfix's own fields and ours. */
  const arrived = async (text: string) => (await gate.arrival(text)).toString('latin1');

  it('refuses the printer as it is, and the mail waits; told what is permitted, Postern sends it', async () => {
    await submit(gate, {
      from: 'printer@d',
      message: mail('From: "Printer 2" <printer@d>', 'Subject: a scan', 'Sender: printer@d'),
    });
    await waitFor('the refusal', () => events('recipient.deferred').length > 0);
    expect(events('recipient.deferred')[0]).toMatchObject({ reason: 'sender-identity' });

    const sender = 'scans+{account}@upstream.test';
    await run('upstream', 'set', 'postfix', '--sender', sender, '--rewrite', 'if-not-permitted');
    const text = await arrived('Subject: a scan\n');
    expect(text).toContain('Return-Path: <scans+kuche-scanner@upstream.test>\n');
    expect(text).toContain(
      'From: "Printer 2" <scans+kuche-scanner@upstream.test>\nReply-To: "Printer 2" <printer@d>\nX-Original-From: "Printer 2" <printer@d>\nSubject: a scan\nX-Original-Sender: printer@d\n',
    );
  });

  it('gets a large message octet for octet, but for its senders', async () => {
    const body = `From: body@example.net\n${'0123456789abcdef\n'.repeat(20_000)}`;
    const head = 'From: copier@lan.example\r\nSubject: large\r\n\r\n';
    await submit(gate, { message: Buffer.from(`${head}${body.replaceAll('\n', '\r\n')}`) });
    const text = await arrived('Subject: large\n');
    expect(text).toContain('\nFrom: scans+kuche-scanner@upstream.test\nReply-To: copier@lan.example\n');
    expect(text.slice(text.indexOf('\n\n') + 2) === body).toBe(true);
  });

  it('refuses the null sender until it is replaced', async () => {
    await submit(gate, { from: '', message: mail('From: monitor@nas', 'Subject: a notice') });
    await waitFor('the refusal', () => gate.postfix.log().includes('<>: Sender address rejected'));
    await run('upstream', 'set', 'postfix', '--null-sender', 'replace');
    expect(await arrived('Subject: a notice\n')).toContain(
      'Return-Path: <scans+kuche-scanner@upstream.test>\n',
    );
  });

  it("gets cron's mail to root at the address that a rule gives", async () => {
    await submit(gate, {
      from: 'root@homeserver',
      to: ['root', 'cron@localhost', `other@${DESTINATION}`],
      message: mail('From: Cron Daemon <root@homeserver>', 'To: root', 'Subject: cron'),
    });
    const text = await arrived('Subject: cron\n');
    expect(text).toContain('X-Original-To: root@postern.test\nX-Original-To: cron@localhost\n');
    expect(text).toContain('\nFrom: Cron Daemon <scans+kuche-scanner@upstream.test>\n');
    await waitFor('the outcomes', () => events('recipient.relayed').length >= 6);
    const relayed = events('recipient.relayed').map(line => line['forward_path']);
    expect(relayed).toEqual(expect.arrayContaining(['root@postern.test', 'cron@localhost']));
    // Both became one recipient there.
    expect(gate.postfix.log().match(/ to=<inbox@/g)).toHaveLength(1);
  });

  it('is not sent a broken signature: the mail goes as it is, and the operator is told', async () => {
    await submit(gate, {
      message: mail('DKIM-Signature: v=1; d=d; b=', 'From: printer@d', 'Subject: signed'),
    });
    await waitFor('the event', () => events('message.signed_not_rewritten').length > 0);
    const alerts = await waitFor('the alert', async () => {
      const listed: unknown = await gate.at.json(['alert', 'list']);
      const found = Array.isArray(listed) ? listed : [];
      return found.find(one => field(one, 'kind') === 'signed-not-rewritten');
    });
    expect(field(alerts, 'text')).toMatch(/postfix permits only certain senders.*DKIM/);
  });
});
