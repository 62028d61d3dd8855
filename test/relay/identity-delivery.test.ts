// What is handed to the driver for one upstream: senders, header and recipients as they are permitted there, while what is
// stored stays. Files are real ones, and pass through the driver's own stream.

import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import type { Content, DeliveryRequest } from '../../server/queue/delivery.ts';
import type { Outcome } from '../../server/queue/outcome.ts';
import { createBodyStream } from '../../server/relay/drivers/body-stream.ts';
import { createSendAsPermitted } from '../../server/relay/identity-delivery.ts';
import { KEEP_IDENTITY, type SenderIdentity, type Upstream } from '../../server/relay/upstream.ts';
import { makeScratch } from '../support/scratch.ts';
import { requestOf, upstreamAt } from './bench.ts';

const MESSAGE = 'Received: x\r\nFrom: Printer <printer@d>\r\nSubject: Scan\r\n\r\n.body\r\n';
const ALWAYS: Partial<SenderIdentity> = { rewrite: 'always', sender: 'scans@example.com' };
const REWRITTEN =
  'Received: x\r\nFrom: Printer <scans@example.com>\r\nReply-To: Printer <printer@d>\r\nX-Original-From: Printer <printer@d>\r\nSubject: Scan\r\n\r\n.body\r\n';

async function upstream(
  identity: Partial<SenderIdentity>,
  changes: Partial<Upstream> = {},
): Promise<Upstream> {
  return { ...(await upstreamAt(25)), user: null, identity: { ...KEEP_IDENTITY, ...identity }, ...changes };
}

type Told = { sent: DeliveryRequest[]; alerts: Alert[]; events: string[]; outcomes: readonly Outcome[] };

/** Delivers, and says what was sent. Answers each recipient with its own name. */
async function deliver(to: Upstream, changes: Partial<DeliveryRequest>, times = 1): Promise<Told> {
  const told: Told = { sent: [], alerts: [], events: [], outcomes: [] };
  const sendAsPermitted = createSendAsPermitted({
    mappedRecipient: path => (path.endsWith('@localhost') ? 'me@example.com' : null),
    log: event => void told.events.push(event),
    raise: alert => void told.alerts.push(alert),
  });
  const request = requestOf({ reversePath: 'printer@d', ...changes });
  for (let i = 0; i < times; i++) {
    const attempt = await sendAsPermitted(request, to, async permitted => {
      told.sent.push(permitted);
      const outcomes = permitted.forwardPaths.map(
        (path): Outcome => ({ kind: 'relayed', reply: `250 ${path}` }),
      );
      return { outcomes, evidence: { kind: 'answered' } };
    });
    told.outcomes = attempt.outcomes;
  }
  return told;
}

const inMemory = (text: string): Partial<DeliveryRequest> => {
  const octets = Buffer.from(text, 'latin1');
  return { content: { kind: 'octets', octets }, size: octets.length };
};

function onDisk(text: string): Partial<DeliveryRequest> & { content: Extract<Content, { kind: 'file' }> } {
  const path = join(makeScratch('identity'), 'message.eml');
  writeFileSync(path, text, 'latin1');
  const hash = createHash('sha256').update(text, 'latin1').digest('hex');
  const size = text.length;
  return { content: { kind: 'file', size, hash, open: () => createReadStream(path) }, size };
}

/** What the upstream reads, without dot-stuffing. */
async function read({ content }: DeliveryRequest): Promise<string> {
  if (content.kind === 'octets') return Buffer.from(content.octets).toString('latin1');
  const wire = createBodyStream(content, () => undefined);
  const text = (await buffer(content.open().pipe(wire))).toString('latin1');
  return text.replace(/\r\n\.\r\n$/, '\r\n').replaceAll('\r\n.', '\r\n');
}

it('an upstream that permits everything gets the request as it is', async () => {
  const request = inMemory(MESSAGE);
  const { sent } = await deliver(await upstream({}), request);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.content).toBe(request.content);
  expect(sent[0]).toMatchObject({ reversePath: 'printer@d', size: MESSAGE.length });
});

it.each([
  ['in memory', inMemory],
  ['in a file', onDisk],
])('senders are rewritten %s, and the size is that of what is sent', async (_where, stored) => {
  const request = stored(MESSAGE);
  const [sent] = (await deliver(await upstream(ALWAYS), request)).sent;
  if (!sent) throw new Error('nothing was sent');
  expect(sent.reversePath).toBe('scans@example.com');
  expect(await read(sent)).toBe(REWRITTEN);
  expect(sent.size).toBe(REWRITTEN.length);
  expect(await read(requestOf(request))).toBe(MESSAGE);
});

it.each([
  ['in memory', inMemory],
  ['in a file', onDisk],
])('local recipients go where their rules say %s, and every one has its outcome', async (_where, stored) => {
  const forwardPaths = ['root@localhost', 'a@example.org', 'cron@localhost'];
  for (const [identity, rest] of [
    [{}, MESSAGE],
    [ALWAYS, REWRITTEN],
  ] as const) {
    const { sent, outcomes } = await deliver(await upstream(identity), { ...stored(MESSAGE), forwardPaths });
    const expected = `X-Original-To: root@localhost\r\nX-Original-To: cron@localhost\r\n${rest}`;
    expect(sent[0]?.forwardPaths).toEqual(['me@example.com', 'a@example.org']);
    expect(sent[0] && (await read(sent[0]))).toBe(expected);
    expect(sent[0]?.size).toBe(expected.length);
    expect(outcomes.map(outcome => outcome.kind === 'relayed' && outcome.reply)).toEqual([
      '250 me@example.com',
      '250 a@example.org',
      '250 me@example.com',
    ]);
  }
});

it('a large file passes in pieces, and only its header changes', async () => {
  const body = `From: in the body\r\n${'0123456789'.repeat(300_000)}\r\n`;
  const [sent] = (await deliver(await upstream(ALWAYS), onDisk(`From: printer@d\r\n\r\n${body}`))).sent;
  const text = sent ? await read(sent) : '';
  expect(text.startsWith('From: scans@example.com\r\n')).toBe(true);
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(body);
  expect(sent?.size).toBe(text.length);
});

it('a file that is not what was stored fails before the final dot, although its header was rewritten', async () => {
  const request = onDisk(MESSAGE);
  const { content } = request;
  for (const damaged of [
    { ...content, hash: 'f'.repeat(64) },
    { ...content, size: content.size + 5 },
  ]) {
    const { sent } = await deliver(await upstream(ALWAYS), { ...request, content: damaged });
    expect(sent).toHaveLength(1);
    for (const one of sent) await expect(read(one)).rejects.toThrow(/stored|are there/);
  }
});

it('a file that cannot be read is not sent, and the queue is told that the content is at fault', async () => {
  const request = onDisk(MESSAGE);
  const content = { ...request.content, open: () => createReadStream('/nowhere/message.eml') };
  const { sent, outcomes } = await deliver(await upstream(ALWAYS), {
    ...request,
    content,
    forwardPaths: ['a@example.org', 'b@example.org'],
  });
  expect(sent).toEqual([]);
  expect(outcomes).toHaveLength(2);
  expect(outcomes[1]).toMatchObject({ kind: 'deferred', stage: 'content' });
});

it('a signed message keeps its header, is reported, and its envelope changes all the same', async () => {
  const signed = `DKIM-Signature: v=1\r\n${MESSAGE}`;
  const { sent, events, alerts } = await deliver(await upstream(ALWAYS, { name: 'isp' }), inMemory(signed));
  expect(sent[0]).toMatchObject({ reversePath: 'scans@example.com' });
  expect(sent[0] && (await read(sent[0]))).toBe(signed);
  expect(events).toContain('message.signed_not_rewritten');
  expect(alerts).toMatchObject([
    { kind: 'signed-not-rewritten', subject: 'isp scanner', account: 'scanner' },
  ]);
});

it.each([
  ['in memory', inMemory],
  ['in a file', onDisk],
])('a header without end is sent as it is, and it is said %s', async (_where, stored) => {
  const endless = `From: printer@d\r\n${'X-A: b\r\n'.repeat(150_000)}\r\n`;
  const { sent, events } = await deliver(await upstream(ALWAYS), stored(endless));
  expect(sent[0]?.size).toBe(endless.length);
  expect(events).toEqual(['message.header_not_rewritten']);
});

it('that nothing can be rewritten is said once', async () => {
  const to = await upstream({ rewrite: 'always' });
  const { sent, events } = await deliver(to, inMemory(MESSAGE), 3);
  expect(sent.map(one => one.reversePath)).toEqual(['printer@d', 'printer@d', 'printer@d']);
  expect(events).toEqual(['upstream.sender_missing']);
});
