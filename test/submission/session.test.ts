import { describe, expect, it } from 'vitest';
import type { AccountPolicy } from '../../server/accounts/account-policy.ts';
import type { LimitReached, SendingCheck } from '../../server/accounts/sending-limits.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';
import type { Action } from '../../server/submission/action.ts';
import type { Authenticate } from '../../server/submission/authentication.ts';
import { SHARE_FULL as full } from '../../server/submission/message-place.ts';
import { createSession, type Session } from '../../server/submission/session.ts';
import { free, unlimited } from './policies.ts';

const principal = { accountId: 'A1', name: 'scanner', sender: null, credentialVersion: 1 };
const onlySecret: Authenticate = async (_mechanism, credentials) =>
  credentials?.kind === 'password' && Buffer.from(credentials.password).toString() === 'secret'
    ? { kind: 'verified', principal, evidence: null }
    : { kind: 'refused' };

const settings = {
  hostname: 'postern.test',
  limits: () => ({ messageSize: 1_000_000, sizeLimitOf: null, recipients: 100 }) as const,
  offersStartTls: true,
  failedLogins: 5,
  commands: 1_000,
  commandsBeforeLogin: 40,
  wrongCommands: 20,
  unknownCommands: 10,
};

type Circumstances = Readonly<{
  secure?: boolean;
  /** Null: the account may not send any more. */
  policy?: () => AccountPolicy | null;
  sending?: SendingCheck;
}>;

function open({ secure = true, policy = () => free, sending = unlimited }: Circumstances = {}): Session {
  const logins = {
    authenticate: onlySecret,
    offered: () => mechanisms,
    accepted: () => mechanisms,
    exchange: {
      cramChallenge: () => '<1.2@postern.test>',
      scramNonce: () => 'nonce',
      scramSalt: () => ({ salt: new Uint8Array(16), iterations: 15_000 }),
      channelBinding: () => null,
    },
    standing: policy,
    sending,
    exposed: () => undefined,
  };
  return createSession(settings, logins, { secureFromStart: secure });
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

  it('takes the login back when the account may not send any more', async () => {
    let policy: AccountPolicy | null = free;
    const session = open({ policy: () => policy });
    await sayAll(session, ['EHLO x', plain('scanner', 'secret')]);
    policy = null;
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

describe('the policy of the account', () => {
  const restricted: AccountPolicy = {
    ...free,
    senders: ['@example.net'],
    recipients: ['@example.org'],
    recipientsPerMessage: 2,
    messageSize: 500,
  };
  const loggedIn = async (circumstances: Circumstances) => {
    const session = open(circumstances);
    await sayAll(session, ['EHLO x', plain('scanner', 'secret')]);
    return session;
  };
  const denied = async (session: Session, line: string) => {
    const action = await session.command(Buffer.from(line));
    return action.kind === 'reply' ? [action.wire.slice(0, 9), action.denied] : action.kind;
  };

  it('is asked at MAIL and RCPT, and what it denies is told apart for the log', async () => {
    const session = await loggedIn({ policy: () => restricted });
    expect(await denied(session, 'MAIL FROM:<a@example.com>')).toEqual(['550 5.7.1', 'senders']);
    expect(await denied(session, 'MAIL FROM:<a@example.net> SIZE=501')).toEqual([
      '552 5.3.4',
      'message-size',
    ]);
    expect(await denied(session, 'MAIL FROM:<a@example.net> SIZE=500')).toEqual(['250 2.1.0', undefined]);
    expect(await denied(session, 'RCPT TO:<a@example.com>')).toEqual(['550 5.7.1', 'recipients']);
    expect(await denied(session, 'RCPT TO:<a@example.org>')).toEqual(['250 2.1.5', undefined]);
    expect(await denied(session, 'RCPT TO:<b@example.org>')).toEqual(['250 2.1.5', undefined]);
    expect(await denied(session, 'RCPT TO:<c@example.org>')).toEqual(['452 4.5.3', 'recipients-per-message']);
    expect((await session.command(Buffer.from('DATA'))).kind).toBe('data');
  });

  it('judges a whole message as it was at MAIL; a change is for the next', async () => {
    let policy = free;
    const session = await loggedIn({ policy: () => policy });
    await say(session, 'MAIL FROM:<a@example.com>');
    policy = restricted;
    expect(await say(session, 'RCPT TO:<a@example.com>')).toMatch(/^250/);
    await say(session, 'RSET');
    expect(await say(session, 'MAIL FROM:<a@example.com>')).toMatch(/^550 5\.7\.1/);
  });

  it('shows everybody the same SIZE', async () => {
    const session = await loggedIn({ policy: () => restricted });
    expect(await say(session, 'EHLO x')).toContain('250-SIZE 1000000\r\n');
  });

  it('asks for the sending limits with what the message would add', async () => {
    const reached = (limit: number): LimitReached => ({
      kind: 'recipients',
      limit,
      wait: 1,
      when: 'in 1 hour',
    });
    const session = await loggedIn({
      sending: { ...unlimited, recipients: (_account, _limits, count) => (count > 1 ? reached(1) : null) },
    });
    await say(session, 'MAIL FROM:<a@example.com>');
    expect(await say(session, 'RCPT TO:<a@example.org>')).toMatch(/^250/);
    expect(await say(session, 'RCPT TO:<b@example.org>')).toBe(
      '452 4.5.3 This account may send to one recipient in 24 hours; try again in 1 hour',
    );
    expect(await say(session, 'RCPT TO:<a@example.org>')).toMatch(/^250/);
  });

  it('ends a session that tries again and again', async () => {
    const session = await loggedIn({ policy: () => restricted });
    const replies = await sayAll(session, Array<string>(20).fill('MAIL FROM:<a@example.com>'));
    expect(replies.at(-2)).toMatch(/^550/);
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0/);
  });

  it('tells the log of the first denied recipients of a message, not of thousands', async () => {
    const session = await loggedIn({ policy: () => ({ ...free, recipients: ['@example.org'] }) });
    for (let message = 0; message < 2; message++) {
      await sayAll(session, ['RSET', 'MAIL FROM:<a@example.net>']);
      const reported: unknown[] = [];
      for (let i = 0; i < 30; i++) reported.push((await denied(session, `RCPT TO:<a${i}@example.com>`))[1]);
      expect(reported.filter(reason => reason === 'recipients')).toHaveLength(10);
    }
  });

  it('names addresses in ASCII', async () => {
    const session = await loggedIn({ policy: () => restricted });
    expect(await say(session, 'MAIL FROM:<j\xc3\xbcrgen@example.com> SMTPUTF8')).toBe(
      '550 5.7.1 This account may not send as <j?rgen@example.com>',
    );
  });
});

describe('garbage ends a session', () => {
  const loggedIn = async () => {
    const session = open();
    await sayAll(session, ['EHLO x', plain('scanner', 'secret')]);
    return session;
  };
  const many = (count: number, line: string) => Array.from({ length: count }, () => line);

  it('after twenty refused commands in a row, not before', async () => {
    const session = await loggedIn();
    const wrong = many(19, 'DATA');
    expect((await sayAll(session, [...wrong, 'NOOP', ...wrong])).at(-1)).toMatch(/^503 /);
    expect(await say(session, 'DATA')).toMatch(/^421 4\.7\.0 postern\.test Too many errors/);
  });

  it('after twenty lines that are too long', async () => {
    const session = await loggedIn();
    const kinds = Array.from({ length: 20 }, () => session.lineTooLong().kind);
    expect(kinds).toEqual([...many(19, 'reply'), 'close']);
  });

  it('after ten unknown commands, whatever stands between them', async () => {
    const session = await loggedIn();
    const lines = many(9, 'XYZZY').flatMap(line => [line, 'NOOP']);
    expect((await sayAll(session, lines)).every(reply => !reply.startsWith('421'))).toBe(true);
    expect(await say(session, 'XYZZY')).toMatch(/^421 /);
  });

  it('after forty commands without a login, and a thousand without a message', async () => {
    expect((await sayAll(open(), many(40, 'NOOP'))).findIndex(reply => reply.startsWith('421'))).toBe(39);
    const session = await loggedIn();
    expect((await sayAll(session, many(998, 'NOOP'))).findIndex(reply => reply.startsWith('421'))).toBe(997);
  });

  it('after twenty times DATA for which there is no place; until then the message may be tried again', async () => {
    const session = await loggedIn();
    await sayAll(session, ['MAIL FROM:<a@example.net>', 'RCPT TO:<b@example.org>']);
    for (let i = 0; i < 19; i++) {
      expect(await say(session, 'DATA')).toBe('data');
      expect(session.noPlace(full)).toMatchObject({ kind: 'reply', verb: 'DATA', denied: 'queue-share' });
    }
    expect(await say(session, 'DATA')).toBe('data');
    expect(session.noPlace(full)).toMatchObject({ kind: 'close', reply: { code: 421, enhanced: '4.7.0' } });
  });

  it('after a thousand commands of which every other is a DATA without a place', async () => {
    const session = await loggedIn();
    await sayAll(session, ['MAIL FROM:<a@example.net>', 'RCPT TO:<b@example.org>']);
    const heard: string[] = [];
    for (let i = 0; i < 600 && !heard.at(-1)?.startsWith('421'); i++) {
      heard.push(await say(session, 'NOOP'), await say(session, 'DATA'));
      if (heard.at(-1) === 'data') session.noPlace(full);
    }
    expect(heard).toHaveLength(996);
    expect(heard.at(-1)).toMatch(/^421 4\.7\.0 /);
  });

  it('but not a long list of recipients of which many are refused', async () => {
    const session = await loggedIn();
    await say(session, 'MAIL FROM:<a@example.net>');
    const recipients = Array.from({ length: 200 }, (_, n) => `RCPT TO:<c${n}@example.net>`);
    const replies = await sayAll(session, recipients);
    expect(replies.filter(reply => reply.startsWith('452 4.5.3'))).toHaveLength(100);
    expect(await say(session, 'DATA')).toBe('data');
  });
});
