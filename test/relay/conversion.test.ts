// What an upstream lacks, seen from the wire: messages are converted for it, recipients that cannot be said there are
// refused one by one, wishes are passed on exactly where they are understood; and nothing changes where nothing lacks.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { DeliveryRequest } from '../../server/queue/delivery.ts';
import { relayTo, remote, upstreamAt } from './bench.ts';
import type { Remote } from './remote.ts';

const text = (...lines: readonly string[]) => Buffer.from(`${lines.join('\r\n')}\r\n`);
const octets = (content: Buffer) => ({ content: { kind: 'octets', octets: content } }) as const;
const line = ({ commands }: Remote, verb: string) => commands.filter(one => one.startsWith(verb));

/** A stored file. */
function file(content: Buffer) {
  const hash = createHash('sha256').update(content).digest('hex');
  const pieces = function* () {
    for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
  };
  const open = () => Readable.from(pieces(), { objectMode: false });
  return { kind: 'file', size: content.length, hash, open } as const;
}

async function sentTo(keywords: readonly string[], request: Partial<DeliveryRequest>) {
  const server = await remote({ keywords: ['AUTH PLAIN', 'PIPELINING', ...keywords] });
  const { deliver } = relayTo(await upstreamAt(server.port));
  return { server, deliver, ...(await deliver(request)) };
}

describe('without 8BITMIME', () => {
  const eightBit = { bodyType: '8bitmime' } as const;

  it('a message is converted, and MAIL says how large it is then', async () => {
    const { server, outcomes } = await sentTo(['SIZE 1000'], {
      ...eightBit,
      ...octets(text('Subject: x', '', 'Grüße')),
    });
    expect(outcomes[0]?.kind).toBe('relayed');
    const [body = Buffer.alloc(0)] = server.bodies;
    expect(String(body)).toContain('\r\n\r\nGr=C3=BC=C3=9Fe\r\n');
    expect(line(server, 'MAIL')).toEqual([`MAIL FROM:<scanner@example.com> SIZE=${body.length}`]);
  });

  it('a file is converted on its way, with a line of dots at its end', async () => {
    const part = Buffer.alloc(3_000_000, 'Gr\xfc\xdfe \r\n.\r\n', 'latin1');
    const head = text('MIME-Version: 1.0', 'Content-Type: application/octet-stream', '');
    const stored = file(Buffer.concat([head, part]));
    const { server, outcomes } = await sentTo(['SIZE 5000000'], {
      ...eightBit,
      content: stored,
      size: stored.size,
    });
    expect(outcomes[0]?.kind).toBe('relayed');
    const [body = Buffer.alloc(0)] = server.bodies;
    expect(line(server, 'MAIL')[0]).toContain(` SIZE=${body.length}`);
    const encoded = String(body.subarray(body.indexOf('\r\n\r\n') + 4));
    expect(Buffer.from(encoded, 'base64').equals(part)).toBe(true);
  });

  it('a file whose header was written anew is converted with that header', async () => {
    const stored = text('Subject: old', 'From: a@example.com', '', 'Grüße');
    const header = { length: text('Subject: old').length, octets: text('Subject: Größe') };
    const content = { ...file(stored), header };
    const { server } = await sentTo([], { ...eightBit, content, size: stored.length });
    expect(String(server.bodies[0])).toMatch(/^Subject: =\?utf-8\?b\?[^\r]*\r\nFrom: a@example\.com\r\n/);
    expect(String(server.bodies[0])).toContain('Gr=C3=BC=C3=9Fe');
  });

  it('a file that is not what was stored is never sent', async () => {
    const stored = file(text('Subject: x', '', 'Grüße'));
    const content = { ...stored, hash: 'f'.repeat(64) };
    const { server, outcomes } = await sentTo([], { ...eightBit, content, size: stored.size });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', stage: 'content' });
    expect(line(server, 'MAIL')).toEqual([]);
  });

  it('a signed message fails with 5.6.3, before anything is sent, and the connection carries the next one', async () => {
    const signed = text('Content-Type: multipart/signed; boundary=s', '', '--s', '', 'Grüße', '--s--');
    const { server, outcomes, deliver } = await sentTo([], { ...eightBit, ...octets(signed) });
    expect(outcomes[0]).toMatchObject({
      ...{ kind: 'failed', reason: 'not-supported-upstream', stage: 'content', status: '5.6.3' },
      text: expect.stringMatching(/8BITMIME.*signed.*another upstream/),
    });
    expect(line(server, 'MAIL')).toEqual([]);
    expect((await deliver()).outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(1);
  });

  it('a message that grows beyond the limit fails with words, and one that is larger anyway too', async () => {
    const grows = text('Subject: x', '', 'ü'.repeat(400));
    const { outcomes } = await sentTo(['SIZE 1000'], { ...eightBit, ...octets(grows) });
    expect(outcomes[0]).toMatchObject({ kind: 'failed', status: '5.3.4' });
    const large = await sentTo(['SIZE 50', '8BITMIME'], octets(text('Subject: x', '', 'x'.repeat(60))));
    expect(large.outcomes[0]).toMatchObject({ reason: 'not-supported-upstream', status: '5.3.4' });
    expect(line(large.server, 'MAIL')).toEqual([]);
  });
});

describe('without SMTPUTF8', () => {
  it('the domains of the envelope are written in A-labels, and only who cannot be said is lost', async () => {
    const header = text('From: a@bücher.example', 'To: jürgen@example.net, b@müller.example', '', 'x');
    const { server, outcomes } = await sentTo(['8BITMIME'], {
      ...octets(header),
      ...{ smtputf8: true, bodyType: '8bitmime' as const, reversePath: 'a@bücher.example' },
      forwardPaths: ['jürgen@example.net', 'b@müller.example', 'c@example.net'],
    });
    expect(outcomes).toMatchObject([
      { kind: 'failed', reason: 'not-supported-upstream', status: '5.6.7' },
      { kind: 'relayed' },
      { kind: 'relayed' },
    ]);
    expect(line(server, 'MAIL')).toEqual(['MAIL FROM:<a@xn--bcher-kva.example> BODY=8BITMIME']);
    expect(line(server, 'RCPT')).toEqual(['RCPT TO:<b@xn--mller-kva.example>', 'RCPT TO:<c@example.net>']);
    expect(String(server.bodies[0])).toMatch(
      /^From: a@xn--bcher-kva\.example\r\nTo: =\?utf-8\?[^ ]+\?= :;, b@xn--mller/,
    );
  });

  it.each([
    ['the reverse-path', { reversePath: 'jürgen@example.com' }],
    ['the only recipient', { forwardPaths: ['jürgen@example.com'] }],
    ['the From', octets(text('From: jürgen@example.com', '', 'x'))],
  ])('%s that has no other form fails the message with 5.6.7', async (_what, request) => {
    const { server, outcomes } = await sentTo(['8BITMIME'], {
      smtputf8: true,
      bodyType: '8bitmime',
      ...request,
    });
    expect(outcomes[0]).toMatchObject({
      kind: 'failed',
      reason: 'not-supported-upstream',
      status: '5.6.7',
      // Encoding the mail helps no address.
      text: expect.not.stringContaining('quoted-printable'),
    });
    expect(line(server, 'MAIL')).toEqual([]);
  });

  it('a recipient that needs it alone does not need the sender to', async () => {
    const { server, outcomes } = await sentTo([], { forwardPaths: ['a@müller.example'] });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(line(server, 'RCPT')).toEqual(['RCPT TO:<a@xn--mller-kva.example>']);
  });
});

it('nothing is converted where the upstream offers what the message needs', async () => {
  const header = text('From: Jürgen <jürgen@bücher.example>', '', 'Grüße');
  const { server } = await sentTo(['8BITMIME', 'SMTPUTF8', 'SIZE 0'], {
    ...octets(header),
    ...{
      smtputf8: true,
      bodyType: '8bitmime' as const,
      size: header.length,
      reversePath: 'jürgen@bücher.example',
    },
  });
  expect(server.bodies).toEqual([header]);
  expect(line(server, 'MAIL')).toEqual([
    `MAIL FROM:<jürgen@bücher.example> BODY=8BITMIME SIZE=${header.length} SMTPUTF8`,
  ]);
});

describe('the wishes of RFC 3461', () => {
  const dsn = {
    ...{ envelopeId: 'QQ 3+14=pi', returns: 'headers' as const },
    recipients: [
      { notify: ['success', 'failure'] as const, originalRecipient: 'rfc822;a+b@example.net' },
      { notify: null, originalRecipient: null },
      { notify: 'never' as const, originalRecipient: 'utf-8;jürgen@example.net' },
    ],
  };
  const forwardPaths = ['a@example.net', 'b@example.net', 'c@example.net'];

  it('are passed on, for each recipient its own', async () => {
    const { server, dsnPassedOn } = await sentTo(['DSN'], { dsn, forwardPaths });
    expect(line(server, 'MAIL')).toEqual(['MAIL FROM:<scanner@example.com> RET=HDRS ENVID=QQ+203+2B14+3Dpi']);
    expect(line(server, 'RCPT')).toEqual([
      'RCPT TO:<a@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@example.net',
      'RCPT TO:<b@example.net>',
      'RCPT TO:<c@example.net> NOTIFY=NEVER ORCPT=utf-8;j\\x{FC}rgen@example.net',
    ]);
    expect(dsnPassedOn).toBe(true);
  });

  it('stay with their recipient where another cannot be said', async () => {
    const paths = ['jürgen@example.net', '"x>"@example.net', 'c@example.net'];
    const { server, outcomes } = await sentTo(['DSN'], { dsn, forwardPaths: paths });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['failed', 'failed', 'relayed']);
    expect(line(server, 'RCPT')).toEqual([
      'RCPT TO:<c@example.net> NOTIFY=NEVER ORCPT=utf-8;j\\x{FC}rgen@example.net',
    ]);
  });

  it('are kept from an upstream that does not know them', async () => {
    const { server, dsnPassedOn } = await sentTo([], { dsn, forwardPaths });
    expect(line(server, 'MAIL')).toEqual(['MAIL FROM:<scanner@example.com>']);
    expect(line(server, 'RCPT').every(one => one.endsWith('>'))).toBe(true);
    expect(dsnPassedOn ?? false).toBe(false);
  });
});

describe('REQUIRETLS', () => {
  it('is asked for where the upstream promises it, over verified TLS', async () => {
    const { server, outcomes } = await sentTo(['REQUIRETLS'], { requireTls: true });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(line(server, 'MAIL')).toEqual(['MAIL FROM:<scanner@example.com> REQUIRETLS']);
  });

  it('keeps the message from an upstream that does not', async () => {
    const { server, outcomes } = await sentTo([], { requireTls: true });
    expect(outcomes[0]).toMatchObject({ kind: 'failed', reason: 'not-supported-upstream', status: '5.7.30' });
    expect(line(server, 'MAIL')).toEqual([]);
  });

  it('is never promised without TLS', async () => {
    const server = await remote({ tls: 'none', keywords: ['REQUIRETLS'] });
    const { deliver } = relayTo(await upstreamAt(server.port, { scheme: 'smtp+notls', user: null }));
    const { outcomes } = await deliver({ requireTls: true });
    expect(outcomes[0]).toMatchObject({ kind: 'failed', status: '5.7.30' });
    expect(line(server, 'MAIL')).toEqual([]);
  });

  it('is not asked for by itself, and "TLS-Required: No" goes on as it came', async () => {
    const content = text('TLS-Required: No', '', 'x');
    const { server } = await sentTo(['REQUIRETLS'], octets(content));
    expect(line(server, 'MAIL')).toEqual(['MAIL FROM:<scanner@example.com>']);
    expect(server.bodies).toEqual([content]);
  });
});
