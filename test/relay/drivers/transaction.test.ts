// One message over one line, at every step an upstream that hangs, drops, talks nonsense or ends the connection: what each
// of it must come to, with commands sent together (PIPELINING) and one by one. Nothing is ever lost, failed or taken for
// delivered that is not; only a silence after the whole message is ambiguous.

import { describe, expect, it } from 'vitest';
import { IMPATIENT, relayTo, remote, upstreamAt } from '../bench.ts';
import type { RemoteOptions, Script, Step } from '../remote.ts';

const WAYS = [
  ['together', ['PIPELINING', 'AUTH PLAIN']],
  ['one by one', ['AUTH PLAIN']],
] as const;

const BEFORE = ['CONNECT', 'EHLO', 'STARTTLS', 'AUTH'] as const;
const STEPS = ['MAIL', 'RCPT', 'DATA', 'BODY'] as const;

async function deliveredTo(options: RemoteOptions, forwardPaths: readonly string[] = ['a@example.net']) {
  const server = await remote(options);
  const { deliver } = relayTo(await upstreamAt(server.port), { timeouts: IMPATIENT });
  const { outcomes, fault } = await deliver({ forwardPaths });
  return { server, outcomes, fault, deliver };
}

const at =
  (verb: Step['verb'], answer: string): Script =>
  step =>
    step.verb === verb && step.connection === 1 ? answer : undefined;

describe.each(WAYS)('an upstream that gets its commands %s', (_way, keywords) => {
  it.each(STEPS)('and hangs at %s leaves the message waiting', async verb => {
    const { outcomes, fault, server } = await deliveredTo({ keywords, script: at(verb, 'SILENCE') });
    expect(fault).toBeNull();
    const reason = verb === 'BODY' ? 'ambiguous' : 'connection-lost';
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason }]);
    expect(server.bodies).toHaveLength(verb === 'BODY' ? 1 : 0);
  });

  it.each(STEPS)('and drops the connection at %s leaves the message waiting', async verb => {
    const { outcomes, server } = await deliveredTo({ keywords, script: at(verb, 'DROP') });
    const reason = verb === 'BODY' ? 'ambiguous' : 'connection-lost';
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason }]);
    expect(server.bodies).toHaveLength(verb === 'BODY' ? 1 : 0);
  });

  it.each(STEPS)('and begins a reply at %s that never ends leaves the message waiting', async verb => {
    const { outcomes } = await deliveredTo({ keywords, script: at(verb, 'RAW:250-first line\r\n250 sec') });
    const reason = verb === 'BODY' ? 'ambiguous' : 'connection-lost';
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason }]);
  });

  it.each(
    STEPS.flatMap(verb =>
      [
        'RAW:\0\0\x01garbage\r\n',
        'RAW:\r\n\r\n999 no\r\n',
        '250-ok\n354-ok\n451 no',
        'HTTP/1.1 400 Bad Request',
        '199 what',
      ].map(garbage => [verb, garbage] as const),
    ),
  )('and says at %s %j is not believed anything', async (verb, garbage) => {
    const { outcomes, server } = await deliveredTo({ keywords, script: at(verb, garbage) });
    expect(outcomes).toMatchObject([{ kind: 'deferred' }]);
    // What comes later on this connection cannot be told apart from what was asked.
    expect(server.commands.filter(line => line === 'RSET')).toEqual([]);
  });

  it.each(STEPS)('and says 421 at %s did not take the message', async verb => {
    const { outcomes, fault, server } = await deliveredTo({
      keywords,
      script: at(verb, '421 4.3.2 shutting down'),
    });
    expect(outcomes).toMatchObject([
      { kind: 'deferred', reason: 'connection-lost', reply: '421 4.3.2 shutting down' },
    ]);
    expect(fault).toBeNull();
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it.each(STEPS)('and answers %s octet by octet, late and at length is understood', async verb => {
    const byDefault = { MAIL: '250', RCPT: '250', DATA: '354', BODY: '250' }[verb];
    const long = `${byDefault}-${'x'.repeat(5000)}\n${byDefault} ok`;
    for (const how of ['BYTES:', 'LATE:']) {
      const { outcomes } = await deliveredTo({ keywords, script: at(verb, `${how}${long}`) });
      expect(outcomes[0]?.kind).toBe('relayed');
    }
  });

  it('and answers DATA with 250 gets no message: it would read its lines as commands', async () => {
    const { outcomes, server } = await deliveredTo({ keywords, script: at('DATA', '250 ok') });
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'refused-for-now' }]);
    expect(server.bodies).toEqual([]);
    expect(server.commands.at(-1)).toBe('DATA');
  });

  it('and says 421 right behind its 250 has taken the message, and gets the next one over a new connection', async () => {
    const script = at('BODY', '250 2.0.0 queued\n421 4.3.2 bye');
    const { outcomes, server, deliver } = await deliveredTo({ keywords, script });
    expect(outcomes).toEqual([{ kind: 'relayed', reply: '250 2.0.0 queued' }]);
    const next = await deliver({ messageId: 'M2' });
    expect(next.outcomes[0]?.kind).toBe('relayed');
    expect(server.connections()).toBe(2);
    expect(server.bodies).toHaveLength(2);
  });

  it('and refuses some recipients, then the connection ends at another, loses none', async () => {
    const script: Script = ({ verb, line }) => {
      if (verb !== 'RCPT') return undefined;
      if (line.includes('gone@')) return '550 5.1.1 no such user';
      return line.includes('last@') ? '421 4.3.2 shutting down' : undefined;
    };
    const paths = ['gone@example.net', 'ok@example.net', 'last@example.net'];
    const { outcomes, server } = await deliveredTo({ keywords, script }, paths);
    expect(outcomes).toMatchObject([
      { kind: 'failed', reason: 'recipient-refused' },
      { kind: 'deferred', reason: 'connection-lost' },
      { kind: 'deferred', reason: 'connection-lost' },
    ]);
    expect(server.bodies).toEqual([]);
  });

  it.each([
    false,
    true,
  ])('and refuses every recipient carries the next message (354 anyway: %s)', async takesDataAnyway => {
    const script: Script = ({ verb, line }) =>
      verb === 'RCPT' && line.includes('gone@') ? '550 5.1.1 no such user' : undefined;
    const paths = ['gone@example.net', 'gone@example.org'];
    const refused = await deliveredTo({ keywords, script, takesDataAnyway }, paths);
    expect(refused.outcomes).toMatchObject([{ kind: 'failed' }, { kind: 'failed' }]);
    const { outcomes } = await refused.deliver({ messageId: 'M2' });
    expect(outcomes[0]?.kind).toBe('relayed');
    expect(refused.server.connections()).toBe(1);
    const messages = refused.server.bodies.filter(body => body.length > 0);
    expect(messages).toHaveLength(1);
  });
});

describe('an upstream on the way to a connection', () => {
  const answers = [
    'SILENCE',
    'DROP',
    'RAW:250-first line\r\n250 sec',
    'RAW:\0\0\x01garbage\r\n',
    '421 4.3.2 shutting down',
    `500 ${'x'.repeat(10_000)}`,
  ];

  it.each(
    BEFORE.flatMap(verb => answers.map(answer => [verb, answer.slice(0, 30), answer] as const)),
  )('that at %s answers %j is at fault, and the message waits at no cost', async (verb, _shown, answer) => {
    const { outcomes, fault, server } = await deliveredTo({
      script: step => (step.verb === verb ? answer : undefined),
    });
    expect(fault).not.toBeNull();
    expect(outcomes).toMatchObject([{ kind: 'deferred', reason: 'upstream' }]);
    expect(server.commands.filter(line => line.startsWith('MAIL'))).toEqual([]);
    // The password never leaves before TLS is up.
    if (verb !== 'AUTH') expect(server.commands.filter(line => line.startsWith('AUTH'))).toEqual([]);
  });

  it('that speaks unasked right after the login is not believed', async () => {
    const script: Script = ({ verb }) =>
      verb === 'AUTH' ? '235 2.7.0 welcome\n250 ok\n250 ok\n354 go' : undefined;
    const { outcomes, server } = await deliveredTo({ script });
    expect(outcomes[0]?.kind).not.toBe('failed');
    if (outcomes[0]?.kind === 'relayed') expect(server.bodies).toHaveLength(1);
  });
});
