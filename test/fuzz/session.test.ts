// Whole sessions: random commands in every state (in clear, greeted, in the middle of each AUTH, logged in, within a
// transaction, after refusals), with real accounts in a real store. The model that they are held to is session-walk.ts.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountPolicy } from '../../server/accounts/account-policy.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { createSession, type SessionLogins, type SessionSettings } from '../../server/submission/session.ts';
import type { Transaction } from '../../server/submission/transaction.ts';
import { type Bench, openBench } from '../accounts/support.ts';
import { createVerifierBench, type VerifierBench } from '../accounts/verifier-bench.ts';
import { holdsAsync } from './fuzz.ts';
import { type LoginMechanism, loginLines, loginMechanisms } from './login-lines.ts';
import { line } from './octets.ts';
import { createWalk, type Walk } from './session-walk.ts';

const NAME = 'küche, 2. OG = a';
const PASSWORD = 'MiPasw0rd$Ñ';
const address = parseClientAddress('192.0.2.7');
let bench: Bench;
let gate: VerifierBench;
let accountId: string;

beforeAll(async () => {
  bench = await openBench();
  await bench.accounts.add({ name: NAME, password: PASSWORD });
  accountId = bench.accounts.list()[0]?.account.id ?? '';
  gate = createVerifierBench(bench);
});

afterAll(() => bench.close());

const freePolicy: AccountPolicy = {
  ...{ sender: null, senders: null, otherSenders: 'refuse', recipients: null },
  ...{ messagesPerMinute: null, messagesPerHour: null, messagesPerDay: null, recipientsPerMessage: null },
  ...{ recipientsPerDay: null, messageSize: null, queueShare: null },
};

const strictPolicy: AccountPolicy = {
  ...freePolicy,
  ...{ senders: ['a@example.net'], recipients: ['@example.org'], recipientsPerMessage: 1 },
};

const settings: SessionSettings = {
  hostname: 'postern.test',
  limits: () => ({ messageSize: 1_000_000, sizeLimitOf: null, recipients: 3 }),
  offersStartTls: true,
  ...{ failedLogins: 5, commands: 60, commandsBeforeLogin: 40, wrongCommands: 20, unknownCommands: 10 },
};

/** Whatever a session says of an exposed password, no password is among it. */
function loginsFor(standing: () => AccountPolicy | null): SessionLogins {
  let nonce = 0;
  return {
    offered: () => mechanisms,
    accepted: () => mechanisms,
    exchange: {
      cramChallenge: () => `<${nonce++}.1796169600@postern.test>`,
      scramNonce: () => `servernonce${nonce++}`,
      scramSalt: gate.verifier.scramSalt,
      channelBinding: () => null,
    },
    standing,
    sending: { message: () => null, recipients: () => null },
    exposed: exposure => expect(JSON.stringify(exposure)).not.toContain(PASSWORD),
    authenticate: async (mechanism, credentials) => {
      if (credentials === null || address === null) return { kind: 'refused' };
      const found = await gate.verifier.verify(credentials, { mechanism, address });
      if (found.kind === 'verified') return { ...found, evidence: found.serverSignature };
      return { kind: found.kind };
    },
  };
}

/** `what` is for whoever reads a counterexample. */
type Move = Readonly<{ what: string; make: (walk: Walk) => Promise<unknown> }>;

function say(given: string): Move {
  return { what: given, make: walk => walk.say(given) };
}

function logIn(mechanism: LoginMechanism, password = PASSWORD, most = 5): Move {
  const what = `login by ${mechanism} with ${password}, at most ${most} lines`;
  return { what, make: walk => walk.logIn(loginLines(mechanism, NAME, password), most) };
}

/** In the order that leads to a message, so that random walks come so far. */
const transaction: Move = {
  what: 'MAIL, RCPT and DATA',
  make: async walk => {
    for (const given of ['MAIL FROM:<a@example.net>', 'RCPT TO:<b@example.org>', 'DATA'])
      await walk.say(given);
  },
};

const says = (...lines: readonly string[]): fc.Arbitrary<Move> => fc.constantFrom(...lines).map(say);
const login = fc
  .tuple(
    fc.constantFrom(...loginMechanisms),
    fc.constantFrom(PASSWORD, `${PASSWORD}x`),
    fc.integer({ min: 1, max: 5 }),
  )
  .map(([mechanism, password, most]) => logIn(mechanism, password, most));
const anyLine = line.map(say);

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: login },
  { weight: 2, arbitrary: says('EHLO client.example', 'HELO client', 'EHLO', 'STARTTLS') },
  {
    weight: 4,
    arbitrary: says(
      'MAIL FROM:<a@example.net>',
      'RCPT TO:<b@example.org>',
      'RCPT TO:<c@example.org>',
      'DATA',
    ),
  },
  {
    weight: 2,
    arbitrary: says('RSET', 'NOOP', 'VRFY x', 'HELP', 'DATA now', 'MAIL FROM:<a@@>', 'RCPT TO:<>', 'QUIT'),
  },
  {
    weight: 2,
    arbitrary: says(
      ...['AUTH LOGIN', 'AUTH PLAIN', 'AUTH CRAM-MD5', 'AUTH SCRAM-SHA-256', 'AUTH', '*', '=', '', 'QQ=='],
      'AUTH SCRAM-SHA-256-PLUS biwsbj1hLHI9Yg==',
    ),
  },
  { weight: 2, arbitrary: anyLine },
  { weight: 2, arbitrary: fc.constant(transaction) },
);

/** Most walks begin as honest clients do, so that they get far. */
const greeting = say('EHLO client.example');
const beginning = fc.constantFrom<readonly Move[]>(
  [],
  [greeting],
  [greeting, say('STARTTLS'), greeting],
  ...loginMechanisms.map(mechanism => [greeting, logIn(mechanism)]),
  ...loginMechanisms.map(mechanism => [greeting, say('STARTTLS'), greeting, logIn(mechanism)]),
);

describe('a session', () => {
  it.each(
    loginMechanisms,
  )('lets the right password in by %s, so the walks below mean something', async mechanism => {
    const session = createSession(
      settings,
      loginsFor(() => freePolicy),
      { secureFromStart: true },
    );
    await createWalk({ session, secure: true, accountId, takes: () => true }).logIn(
      loginLines(mechanism, NAME, PASSWORD),
      5,
    );
    expect(session.principal()?.name).toBe(NAME);
  });

  it('answers every line once and rightly; nothing is taken without an account and a recipient', async () => {
    let messages = 0;
    const policies = fc.constantFrom(freePolicy, freePolicy, strictPolicy, strictPolicy, null);
    const walks = fc.asyncProperty(
      fc.boolean(),
      beginning,
      fc.array(move, { maxLength: 40 }),
      policies,
      async (secure, first, moves, policy) => {
        const session = createSession(
          settings,
          loginsFor(() => policy),
          { secureFromStart: secure },
        );
        const takes = ({ reversePath, forwardPaths }: Transaction) => {
          messages++;
          expect(policy).not.toBeNull();
          if (policy !== strictPolicy) return true;
          expect(['a@example.net', '']).toContain(reversePath.text);
          expect(forwardPaths.list().map(path => path.domain)).toEqual(['example.org']);
          return messages % 2 === 0;
        };
        const walk = createWalk({ session, secure, accountId, takes });
        for (const step of [...first, ...moves]) if (!walk.over()) await step.make(walk);
      },
    );
    await holdsAsync(walks, 400);
    // The walks must get so far that the property says something.
    expect(messages).toBeGreaterThan(50);
  });

  it('of whoever never sends a message ends, whatever is said', async () => {
    const idle = fc.oneof(
      login,
      anyLine,
      says('NOOP', 'RSET', 'EHLO x', 'VRFY x', 'MAIL FROM:<a@b>', 'RCPT TO:<>'),
    );
    const walks = fc.asyncProperty(
      fc.boolean(),
      fc.array(idle, { minLength: 1, maxLength: 6 }),
      async (secure, moves) => {
        const session = createSession(
          settings,
          loginsFor(() => freePolicy),
          { secureFromStart: secure },
        );
        const walk = createWalk({ session, secure, accountId, takes: () => false });
        for (let i = 0; i <= settings.commands && !walk.over(); i++)
          await moves[i % moves.length]?.make(walk);
        expect(walk.over()).toBe(true);
        expect(walk.said()).toBeLessThanOrEqual(settings.commands);
      },
    );
    await holdsAsync(walks, 60);
  });
});
