// Deliveries through the whole relay to a remote server on a real socket: what it must see, and what each of its
// answers and silences must come to.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Phase } from '../../server/queue/delivery.ts';
import { IMPATIENT, relayTo, remote, upstreamAt } from './bench.ts';
import type { Step } from './remote.ts';

const mailLines = (commands: readonly string[]) => commands.filter(line => line.startsWith('MAIL'));

describe('a delivery', () => {
  it('goes over verified STARTTLS, logs in, and carries the octets as they are', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const phases: Phase[] = [];
    const octets = Buffer.concat([
      Buffer.from('Subject: x\r\n\r\n.dot\r\n..\r\nend '),
      Buffer.from([0xff, 0xe4]),
      Buffer.from('\r\n'),
    ]);
    const { outcomes, fault } = await deliver({
      content: { kind: 'octets', octets },
      bodyType: '8bitmime',
      onPhase: phase => phases.push(phase),
    });
    expect(fault).toBeNull();
    expect(outcomes).toEqual([{ kind: 'relayed', reply: '250 2.0.0 queued as R1' }]);
    expect(server.commands.slice(0, 3)).toEqual(['EHLO postern.example', 'STARTTLS', 'EHLO postern.example']);
    const login = Buffer.from('\0postern@example.com\0secret pässword').toString('base64');
    expect(server.commands).toContain(`AUTH PLAIN ${login}`);
    expect(server.commands).toContain(`MAIL FROM:<scanner@example.com> BODY=8BITMIME SIZE=${octets.length}`);
    expect(server.bodies[0]?.toString('latin1')).toBe('Subject: x\r\n\r\n..dot\r\n...\r\nend \xff\xe4\r\n');
    expect(phases).toEqual(['dialling', 'envelope', 'body', 'awaiting-reply']);
  });

  it('uses one warm connection for many messages', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const phases: Phase[] = [];
    for (let i = 0; i < 5; i++) await deliver({ messageId: `M${i}`, onPhase: phase => phases.push(phase) });
    expect(server.connections()).toBe(1);
    expect(server.bodies).toHaveLength(5);
    expect(phases.filter(phase => phase === 'dialling')).toHaveLength(1);
  });

  it('works over TLS from the start, with AUTH LOGIN where nothing else is offered', async () => {
    const server = await remote({ tls: 'implicit', keywords: ['AUTH LOGIN'] });
    const { deliver } = relayTo(await upstreamAt(server.port, { scheme: 'smtps' }));
    const { outcomes } = await deliver();
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.commands).toContain(Buffer.from('secret pässword').toString('base64'));
    expect(server.commands).not.toContain('STARTTLS');
  });

  it('works without TLS and without login where the operator wants it so', async () => {
    const server = await remote({ tls: 'none', keywords: [] });
    const { deliver } = relayTo(await upstreamAt(server.port, { scheme: 'smtp+notls', user: null }));
    const { outcomes } = await deliver();
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.commands.filter(line => line.startsWith('AUTH'))).toEqual([]);
  });

  it('asks for SMTPUTF8 exactly when the message needs it', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver({ smtputf8: true, bodyType: '8bitmime' });
    await deliver({ smtputf8: true, forwardPaths: ['jürgen@example.net'] });
    await deliver({ smtputf8: false });
    expect(mailLines(server.commands).map(line => / SMTPUTF8\b/.test(line))).toEqual([true, true, false]);
    expect(mailLines(server.commands)[1]?.match(/SMTPUTF8/g)).toHaveLength(1);
  });

  it('writes the null reverse-path as <>', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver({ reversePath: '' });
    expect(mailLines(server.commands)[0]).toContain('MAIL FROM:<>');
  });

  it('gives one outcome per recipient', async () => {
    const script = ({ verb, line }: Step) => {
      if (verb !== 'RCPT') return undefined;
      if (line.includes('gone@')) return '550 5.1.1 no such user';
      return line.includes('full@') ? '452 4.2.2 mailbox full' : undefined;
    };
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes, fault } = await deliver({
      forwardPaths: ['a@example.net', 'gone@example.net', 'full@example.net', 'b@example.net'],
    });
    expect(fault).toBeNull();
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['relayed', 'failed', 'deferred', 'relayed']);
    expect(outcomes[1]).toMatchObject({
      reason: 'recipient-refused',
      reply: '550 5.1.1 no such user',
      stage: 'rcpt',
    });
  });

  it.each([
    '452 4.5.3 Too many recipients',
    '452 too many recipients',
    '552 Too many recipients',
  ])('leaves those that are too many for one transaction to the next, at no cost: %s', async reply => {
    const script = ({ verb, count }: Step) => (verb === 'RCPT' && count > 2 ? reply : undefined);
    const server = await remote({ script });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    expect(bench.relay.capacity()[0]).not.toHaveProperty('recipients');
    const forwardPaths = ['a@example.net', 'b@example.net', 'c@example.net'];
    const { outcomes, fault } = await bench.deliver({ forwardPaths });
    expect(fault).toBeNull();
    expect(outcomes).toMatchObject([
      { kind: 'relayed' },
      { kind: 'relayed' },
      { kind: 'deferred', reason: 'upstream', stage: 'rcpt', reply },
    ]);
    expect(bench.relay.capacity()[0]).toMatchObject({ recipients: 2, open: true, free: 3 });
    // It may have been a matter of that moment.
    bench.clock.turn(3_600_000);
    expect(bench.relay.capacity()[0]).not.toHaveProperty('recipients');
  });

  it('takes it for a refusal that nobody may be sent to at once', async () => {
    const script = ({ verb }: Step) => (verb === 'RCPT' ? '452 4.5.3 Too many recipients' : undefined);
    const server = await remote({ script });
    const bench = relayTo(await upstreamAt(server.port));
    const { outcomes } = await bench.deliver({ forwardPaths: ['a@example.net', 'b@example.net'] });
    expect(outcomes).toMatchObject([{ reason: 'refused-for-now' }, { reason: 'refused-for-now' }]);
    expect(bench.relay.capacity()[0]).not.toHaveProperty('recipients');
  });

  it('tries with half as many where too many are refused together', async () => {
    const script = ({ verb }: Step) => (verb === 'DATA' ? '552 5.5.3 Too many recipients' : undefined);
    const server = await remote({ script });
    const upstream = await upstreamAt(server.port);
    const bench = relayTo(upstream);
    const forwardPaths = ['a', 'b', 'c', 'd', 'e'].map(name => `${name}@example.net`);
    expect((await bench.deliver({ forwardPaths })).outcomes[4]).toMatchObject({ reason: 'refused-for-now' });
    expect(bench.relay.capacity()[0]).toMatchObject({ recipients: 2 });
    bench.change({ ...upstream, revision: 2 });
    expect(bench.relay.capacity()[0]).not.toHaveProperty('recipients');
  });

  it.each([
    ['together', ['PIPELINING', 'AUTH PLAIN']],
    ['one by one', ['AUTH PLAIN']],
  ])('takes the answer to MAIL for the message, with commands sent %s', async (_how, keywords) => {
    const script = ({ verb, count }: Step) =>
      verb === 'MAIL' && count === 1 ? '550 5.7.0 From address is not one of your addresses' : undefined;
    const server = await remote({ script, keywords });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const forwardPaths = ['a@example.net', 'b@example.net'];
    const { outcomes } = await deliver({ forwardPaths });
    expect(outcomes).toMatchObject([{ reason: 'sender-identity' }, { reason: 'sender-identity' }]);
    const next = await deliver({ messageId: 'M2', forwardPaths });
    expect(next.outcomes).toMatchObject([{ kind: 'relayed' }, { kind: 'relayed' }]);
    expect(server.connections()).toBe(1);
  });

  it('keeps a recipient refused at RCPT apart from a body that is refused for now', async () => {
    const script = ({ verb, line }: Step) => {
      if (verb === 'RCPT' && line.includes('gone@')) return '550 5.1.1 no such user';
      return verb === 'BODY' ? '451 4.3.0 try later' : undefined;
    };
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes } = await deliver({ forwardPaths: ['a@example.net', 'gone@example.net'] });
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['deferred', 'failed']);
  });

  it('uses the connection again after a refusal, in step', async () => {
    const script = ({ verb, line }: Step) =>
      verb === 'RCPT' && line.includes('gone@') ? '550 5.1.1 no such user' : undefined;
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver({ forwardPaths: ['gone@example.net'] });
    const { outcomes } = await deliver();
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(1);
    expect(server.commands).toContain('RSET');
  });

  it('never sends what an address could smuggle', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes } = await deliver({ forwardPaths: ['"a>\r\nRSET"@example.net', 'b@example.net'] });
    expect(outcomes.map(outcome => outcome.kind)).toEqual(['failed', 'relayed']);
    expect(server.commands).not.toContain('RSET');
  });
});

describe('an upstream that breaks off', () => {
  const dropAt = (verb: Step['verb']) => (step: Step) => (step.verb === verb ? 'DROP' : undefined);

  it.each([
    ['CONNECT', 'greeting'],
    ['EHLO', 'ehlo'],
    ['STARTTLS', 'starttls'],
    ['AUTH', 'auth'],
  ] as const)('at %s is at fault itself', async (verb, stage) => {
    const server = await remote({ script: dropAt(verb) });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes, fault } = await deliver();
    expect(fault).toMatchObject({ stage });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'upstream' });
  });

  it.each([
    'MAIL',
    'RCPT',
    'DATA',
    'BODY-START',
  ] as const)('at %s leaves the message to back off alone', async verb => {
    const server = await remote({ script: dropAt(verb) });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const body = Buffer.alloc(3_000_000, 'x');
    const { outcomes, fault } = await deliver({
      content: file(body),
    });
    expect(fault).toBeNull();
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'connection-lost' });
  });

  it('after the whole body may have delivered it', async () => {
    const server = await remote({ script: dropAt('BODY') });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes } = await deliver();
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'ambiguous', stage: 'body', reply: null });
  });

  it('while idle costs nothing: the next message takes a new connection within its attempt', async () => {
    const script = ({ verb, connection, count }: Step) =>
      verb === 'MAIL' && connection === 1 && count === 2 ? 'DROP' : undefined;
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver();
    const { outcomes } = await deliver({ messageId: 'M2' });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(2);
    expect(server.bodies).toHaveLength(2);
  });

  it('with 421 to the first command after a pause is dialled anew as well', async () => {
    const script = ({ verb, connection, count }: Step) =>
      verb === 'MAIL' && connection === 1 && count === 2 ? '421 4.4.2 idle for too long' : undefined;
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver();
    const { outcomes } = await deliver({ messageId: 'M2' });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(2);
  });

  it('after the body of a later message is never given that message twice', async () => {
    const script = ({ verb, count }: Step) => (verb === 'BODY' && count === 2 ? 'DROP' : undefined);
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    await deliver();
    const { outcomes } = await deliver({ messageId: 'M2' });
    expect(outcomes[0]).toMatchObject({ reason: 'ambiguous' });
    expect(server.bodies).toHaveLength(2);
  });
});

describe('an upstream that says nothing', () => {
  it.each([
    ['before MAIL is at fault', ['CONNECT', 'EHLO', 'STARTTLS', 'AUTH'], { reason: 'upstream' }],
    [
      'in the envelope leaves the message to back off alone',
      ['MAIL', 'RCPT', 'DATA'],
      { reason: 'connection-lost' },
    ],
    ['after the body may have delivered it', ['BODY'], { reason: 'ambiguous' }],
  ] as const)('%s', async (_what, verbs, expected) => {
    const all = verbs.map(async verb => {
      const server = await remote({ script: step => (step.verb === verb ? 'SILENCE' : undefined) });
      const { deliver } = relayTo(await upstreamAt(server.port), { timeouts: IMPATIENT });
      const { outcomes } = await deliver();
      expect(outcomes[0], verb).toMatchObject({ kind: 'deferred', ...expected });
    });
    await Promise.all(all);
  });
});

describe('an upstream that talks nonsense', () => {
  const verbs = ['CONNECT', 'EHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'BODY'] as const;

  it.each([
    '\x01\x02 !!',
    '999 what',
    'HTTP/1.1 400 Bad Request',
    '250-',
    '299999 \xff',
  ])('such as %j, at any step, fails nothing and crashes nothing', async nonsense => {
    const all = verbs.map(async verb => {
      const server = await remote({ script: step => (step.verb === verb ? nonsense : undefined) });
      const { deliver } = relayTo(await upstreamAt(server.port), { timeouts: IMPATIENT });
      const { outcomes } = await deliver();
      expect(outcomes[0]?.kind, verb).not.toBe('failed');
    });
    await Promise.all(all);
  });

  it('and begins it with a 2 after the body has not been understood to take the message', async () => {
    const server = await remote({ script: ({ verb }) => (verb === 'BODY' ? '2 what' : undefined) });
    const { deliver } = relayTo(await upstreamAt(server.port));
    expect((await deliver()).outcomes[0]).toMatchObject({ kind: 'deferred', reason: 'ambiguous' });
  });

  it('and answers before the whole body has come is not believed', async () => {
    const script = ({ verb }: Step) => (verb === 'BODY-START' ? '250 2.0.0 queued already' : undefined);
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const body = Buffer.alloc(8_000_000, 'x');
    const { outcomes } = await deliver({
      content: file(body),
    });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred' });
  });

  it('and floods us is cut off', async () => {
    const script = ({ verb }: Step) => (verb === 'EHLO' ? `250-${'x'.repeat(80_000)}` : undefined);
    const server = await remote({ script });
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { fault } = await deliver();
    expect(fault).toMatchObject({ kind: 'unreachable', stage: 'ehlo' });
  });
});

describe('a stored message', () => {
  it('comes from a file as it is', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const body = Buffer.from(`Subject: big\r\n\r\n${'.line of text\r\n'.repeat(60_000)}`);
    const { outcomes } = await deliver({
      content: file(body),
    });
    expect(outcomes[0]?.kind).toBe('relayed');
    const stuffed = body.toString().replaceAll('\r\n.', '\r\n..');
    expect(server.bodies[0]?.toString() === stuffed).toBe(true);
  });

  it.each([
    ['too short', 100, 90],
    ['too long', 100, 110],
  ])('that is %s is never finished with a dot', async (_what, size, octets) => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const { outcomes } = await deliver({
      content: { ...file(Buffer.alloc(octets, 'x')), size },
    });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', stage: 'content' });
    expect(server.bodies).toEqual([]);
    expect((await deliver()).outcomes[0]?.kind).toBe('relayed');
  });

  it('that is not what was stored is never finished with a dot', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const stored = file(Buffer.alloc(100, 'x'));
    const { outcomes } = await deliver({
      content: { ...stored, open: () => pieces(Buffer.alloc(100, 'y')) },
    });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', stage: 'content' });
    expect(server.bodies).toEqual([]);
  });

  it('that cannot be read is deferred, and the upstream stays usable', async () => {
    const server = await remote();
    const { deliver } = relayTo(await upstreamAt(server.port));
    const open = () => Readable.from(broken());
    const { outcomes } = await deliver({ content: { ...file(Buffer.alloc(9)), open } });
    expect(outcomes[0]).toMatchObject({ kind: 'deferred', stage: 'content' });
    expect(server.bodies).toEqual([]);
  });
});

/** A stored file with these octets. */
function file(body: Buffer) {
  const hash = createHash('sha256').update(body).digest('hex');
  return { kind: 'file', size: body.length, hash, open: () => pieces(body) } as const;
}

function pieces(body: Buffer): Readable {
  return Readable.from(slices(body), { objectMode: false });
}

function* slices(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 65_537) yield body.subarray(at, at + 65_537);
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('abc');
  throw new Error('EIO');
}
