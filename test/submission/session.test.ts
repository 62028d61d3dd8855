import { describe, expect, it } from 'vitest';
import { passwordMechanisms } from '../../server/sasl/mechanisms.ts';
import type { Authenticate } from '../../server/submission/authentication.ts';
import { type Action, createSession, type Session } from '../../server/submission/session.ts';

const principal = { accountId: 'A1', name: 'scanner', sender: null };
const onlySecret: Authenticate = async (_mechanism, credentials) =>
  credentials && Buffer.from(credentials.password).toString() === 'secret'
    ? { kind: 'verified', principal }
    : { kind: 'refused' };

function open({
  secure = true,
  inForce = () => true,
}: {
  secure?: boolean;
  inForce?: () => boolean;
} = {}): Session {
  const settings = {
    hostname: 'postern.test',
    limits: { messageSize: 1_000_000, recipients: 100 },
    offersStartTls: true,
    mechanisms: passwordMechanisms,
    failedLogins: 5,
    isInForce: inForce,
  };
  return createSession(settings, onlySecret, secure);
}

async function say(session: Session, line: string): Promise<string> {
  const action: Action = await session.command(Buffer.from(line, 'latin1'));
  return 'wire' in action ? action.wire.trimEnd() : action.kind;
}

async function sayAll(session: Session, lines: readonly string[]): Promise<readonly string[]> {
  const replies: string[] = [];
  for (const line of lines) replies.push(await say(session, line));
  return replies;
}

const plain = (name: string, password: string) =>
  `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString('base64')}`;

describe('a session', () => {
  it('forgets what was said in clear when TLS comes up, but that EHLO was said', async () => {
    const session = open({ secure: false });
    await say(session, 'EHLO clear.example');
    session.secured();
    expect(session.principal()).toBeNull();
    expect(await say(session, 'MAIL FROM:<a@example.net>')).toMatch(/^530 5\.7\.0/);
    await say(session, plain('scanner', 'secret'));
    expect(await say(session, 'MAIL FROM:<a@example.net>')).toMatch(/^250 2\.1\.0/);
  });

  it('stays in step after an empty user name: the password line is no command', async () => {
    const session = open();
    await say(session, 'EHLO x');
    expect(await sayAll(session, ['AUTH LOGIN', '', 'cXVpdA=='])).toEqual([
      '334 VXNlcm5hbWU6',
      '334 UGFzc3dvcmQ6',
      expect.stringMatching(/^535 5\.7\.8/),
    ]);
    expect(await say(session, 'NOOP')).toMatch(/^250/);
  });

  it('ends with the fifth failed login', async () => {
    const session = open();
    await say(session, 'EHLO x');
    const replies = await sayAll(
      session,
      Array.from({ length: 5 }, (_, i) => plain('scanner', `wrong${i}`)),
    );
    expect(replies.map(reply => reply.slice(0, 9))).toEqual([...Array(4).fill('535 5.7.8'), '421 4.7.0']);
  });

  it('replaces the whole transaction at RSET and EHLO', async () => {
    const session = open();
    await sayAll(session, ['EHLO x', plain('scanner', 'secret')]);
    for (const reset of ['RSET', 'EHLO y']) {
      await sayAll(session, ['MAIL FROM:<a@example.net> SMTPUTF8', 'RCPT TO:<b@example.org>', reset]);
      expect(await say(session, 'DATA')).toMatch(/^503 5\.5\.1/);
      expect(await say(session, 'MAIL FROM:<a@example.net>')).toMatch(/^250/);
      expect(await say(session, 'RCPT TO:<j\xc3\xbcrgen@example.org>')).toMatch(/^553 5\.6\.7/);
      await say(session, 'RSET');
    }
  });

  it('takes the login back when the account is no longer in force', async () => {
    let inForce = true;
    const session = open({ inForce: () => inForce });
    await sayAll(session, ['EHLO x', plain('scanner', 'secret')]);
    inForce = false;
    expect(await say(session, 'MAIL FROM:<a@example.net>')).toMatch(/^530 5\.7\.0/);
  });

  it('hands over data only with a principal and recipients', async () => {
    const session = open();
    await sayAll(session, ['EHLO x', plain('scanner', 'secret'), 'MAIL FROM:<>', 'RCPT TO:<b@example.org>']);
    expect(await session.command(Buffer.from('DATA'))).toMatchObject({
      kind: 'data',
      principal,
      hello: 'x',
      extended: true,
    });
  });

  it('ends with a client that sends only garbage, and says nothing of it', async () => {
    const session = open();
    const replies = await sayAll(
      session,
      Array.from({ length: 10 }, (_, i) => `cGFzc3dvcmQ${i}=`),
    );
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0/);
    expect(replies.join()).not.toContain('cGFzc3dvcmQ');
  });

  it('ends at once for a web browser', async () => {
    expect(await say(open(), 'GET / HTTP/1.1')).toMatch(/^421 4\.7\.0/);
  });
});
