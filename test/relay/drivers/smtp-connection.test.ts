// The contract with nodemailer: every inner member of its SMTPConnection that UpstreamConnection declares or overrides
// must be there and mean what we take it to mean. A new version that moves one of them fails here, by name.

import { connect } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { describe, expect, it } from 'vitest';
import type { SmtpError } from '../../../server/relay/drivers/smtp-connection.ts';
import { UpstreamConnection } from '../../../server/relay/drivers/smtp-connection.ts';
import { createTrust } from '../../../server/relay/drivers/trust.ts';
import { afterTest, goodIdentity, PATIENT, relayTo, remote, upstreamAt } from '../bench.ts';
import type { Remote, Script } from '../remote.ts';

describe('nodemailer’s SMTPConnection', () => {
  it('still has _sendCommand', () => {
    expect(SMTPConnection.prototype).toHaveProperty('_sendCommand', expect.any(Function));
  });

  it('still keeps the handlers of replies in _responseActions', () => {
    expect(new SMTPConnection()).toHaveProperty('_responseActions', []);
  });

  it('shows the EHLO lines in _ehloLines and the stage in what it sends', async () => {
    const { connection } = await connected();
    expect(connection.ehloLines).toEqual([
      'PIPELINING',
      'SIZE 50000000',
      '8BITMIME',
      'SMTPUTF8',
      'AUTH PLAIN LOGIN',
    ]);
    expect(connection.stageNow).toBe('ehlo');
    expect(connection.usable).toBe(true);
  });

  it('hands the reply to a line of AUTH to the handler that stands last in _responseActions', async () => {
    const { connection } = await connected();
    const ask = (line: string) =>
      new Promise<string>((resolve, reject) => connection.authenticate(line, resolve, reject));
    expect(await ask('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6');
    expect(connection.stageNow).toBe('auth');
    expect(await ask('dGlt')).toBe('334 UGFzc3dvcmQ6');
    expect(await ask('')).toBe('235 2.7.0 welcome');
    connection.close();
    await expect(ask('AUTH LOGIN')).rejects.toThrow('connection closed');
  });

  it.each([
    'none',
    'implicit',
  ] as const)('hears nothing of a socket that was handed over (TLS: %s)', async tls => {
    const { connection, server } = await connected(undefined, tls);
    const heard: string[] = [];
    for (const event of ['error', 'end']) connection.on(event, () => heard.push(event));
    const socket = connection.handOver();
    if (socket === null) throw new Error('the socket was not handed over');
    // A listener that is left would stand beside the new one.
    expect(socket.listenerCount('data')).toBe(0);
    expect(socket.listenerCount('timeout')).toBe(0);
    const reply = new Promise<string>(resolve => socket.once('data', octets => resolve(String(octets))));
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write('RSET\r\n');
    expect(await reply).toBe('250 2.0.0 reset\r\n');
    await server.close();
    await closed;
    expect(heard).toEqual([]);
    expect(connection.lastServerResponse).not.toMatch(/reset/);
  });

  it.each([
    ['500 what?', true],
    ['502 5.5.1 not implemented', true],
    ['504 no', true],
    ['550 5.7.1 go away', false],
    ['554 no', false],
    ['xyz', false],
  ])('says HELO only to those who do not know EHLO: %s', async (reply, helo) => {
    const server = await remote({ tls: 'none', script: ({ verb }) => (verb === 'EHLO' ? reply : undefined) });
    const bench = relayTo(await upstreamAt(server.port, { scheme: 'smtp+notls' }));
    const { fault } = await bench.deliver();
    expect(server.commands.some(line => line.startsWith('HELO'))).toBe(helo);
    expect(fault).toMatchObject({
      kind: 'unreachable',
      stage: 'ehlo',
      reply: helo ? '500 5.5.1 what?' : reply,
    });
  });

  it('hands over nothing once it is closed', async () => {
    const { connection } = await connected();
    connection.close();
    expect(connection.handOver()).toBeNull();
  });
});

async function connected(
  script: Script = () => undefined,
  tls: 'none' | 'implicit' = 'none',
): Promise<{ connection: UpstreamConnection; server: Remote }> {
  const server = await remote({ tls, script });
  const socket = connect(server.port, '127.0.0.1');
  await new Promise<void>(resolve => socket.once('connect', resolve));
  const scheme = tls === 'none' ? 'smtp+notls' : 'smtps';
  const { authority } = await goodIdentity();
  const secureContext = createTrust()(authority);
  const connection = new UpstreamConnection(
    {
      ...{ scheme, host: '127.0.0.1', port: server.port },
      ...{ ehloName: 'postern.example', secureContext, timeouts: PATIENT },
    },
    socket,
  );
  connection.on('error', () => undefined);
  afterTest(() => connection.close());
  await new Promise<void>((resolve, reject) =>
    connection.connect((error?: SmtpError) => (error === undefined ? resolve() : reject(error))),
  );
  return { connection, server };
}
