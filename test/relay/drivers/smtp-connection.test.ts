// The contract with nodemailer: every inner member of its SMTPConnection that UpstreamConnection declares or overrides
// must be there and mean what we take it to mean. A new version that moves one of them fails here, by name.

import { connect } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { describe, expect, it } from 'vitest';
import type { SmtpError, Transmission } from '../../../server/relay/drivers/smtp-connection.ts';
import { UpstreamConnection } from '../../../server/relay/drivers/smtp-connection.ts';
import { createTrust } from '../../../server/relay/drivers/trust.ts';
import { afterTest, CONTENT, PATIENT, remote } from '../bench.ts';
import type { Remote, Script } from '../remote.ts';

describe('nodemailer’s SMTPConnection', () => {
  it.each(['_sendCommand', '_actionSMTPStream', '_createSendStream'])('still has %s', member => {
    expect(SMTPConnection.prototype).toHaveProperty(member, expect.any(Function));
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

  it('sends every command through _sendCommand, so that SMTPUTF8 is added', async () => {
    const { connection, server } = await connected();
    await transmit(connection, { smtputf8: true });
    expect(server.commands).toContain('MAIL FROM:<a@example.com> SMTPUTF8');
    await transmit(connection, { smtputf8: false });
    expect(server.commands).toContain('MAIL FROM:<a@example.com>');
  });

  it('takes the body from _createSendStream, and writes nothing of its own', async () => {
    const { connection, server } = await connected();
    const { transmission } = await transmit(connection, {});
    expect(server.bodies.map(String)).toEqual([String(CONTENT)]);
    expect(transmission.bodyConsumed).toBe(true);
  });

  it('leaves the refusals in the envelope that it was given, also when the body is refused', async () => {
    const script: Script = ({ verb, line }) => {
      if (verb === 'RCPT' && line.includes('no@')) return '550 5.1.1 no';
      return verb === 'BODY' ? '554 5.6.0 never' : undefined;
    };
    const { connection } = await connected(script);
    const { result } = await transmit(connection, {});
    expect(result.error).toMatchObject({ code: 'EMESSAGE', command: 'DATA', response: '554 5.6.0 never' });
    expect(result.refusals).toMatchObject([{ recipient: 'no@example.net', response: '550 5.1.1 no' }]);
  });

  it('forgets lastServerResponse only when told to', async () => {
    const { connection } = await connected(({ verb }) => (verb === 'MAIL' ? 'DROP' : undefined));
    const { result } = await transmit(connection, {});
    expect(result.error).not.toBeNull();
    expect(connection.lastServerResponse).toBe(false);
  });
});

async function connected(
  script: Script = () => undefined,
): Promise<{ connection: UpstreamConnection; server: Remote }> {
  const server = await remote({ tls: 'none', script });
  const socket = connect(server.port, '127.0.0.1');
  await new Promise<void>(resolve => socket.once('connect', resolve));
  const target = { scheme: 'smtp+notls', host: '127.0.0.1', port: server.port } as const;
  const secureContext = createTrust()(null);
  const connection = new UpstreamConnection(
    { ...target, ehloName: 'postern.example', secureContext, timeouts: PATIENT },
    socket,
  );
  connection.on('error', () => undefined);
  afterTest(() => connection.close());
  await new Promise<void>((resolve, reject) =>
    connection.connect((error?: SmtpError) => (error === undefined ? resolve() : reject(error))),
  );
  return { connection, server };
}

async function transmit(connection: UpstreamConnection, { smtputf8 = false }: { smtputf8?: boolean }) {
  const transmission: Transmission = {
    smtputf8,
    body: CONTENT,
    onPhase: () => undefined,
    bodyConsumed: false,
  };
  const envelope = {
    from: 'a@example.com',
    to: ['b@example.net', 'no@example.net'],
    size: 0,
    use8BitMime: false,
  };
  const result = await new Promise<Parameters<Parameters<UpstreamConnection['transmit']>[3]>[0]>(resolve =>
    connection.transmit(envelope, CONTENT, transmission, resolve),
  );
  return { result, transmission };
}
