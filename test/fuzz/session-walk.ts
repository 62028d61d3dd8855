// A client that walks through one session at random, beside the simplest model of what it may expect: who is logged in,
// whether a transaction has a recipient. Every action of the session is checked against the model.

import { expect } from 'vitest';
import { formatLines, formatReply } from '../../server/smtp/reply.ts';
import { replies } from '../../server/smtp/reply-table.ts';
import type { Action } from '../../server/submission/action.ts';
import type { Session } from '../../server/submission/session.ts';
import type { Transaction } from '../../server/submission/transaction.ts';
import type { LoginLines } from './login-lines.ts';
import { octetsOf } from './octets.ts';

const codes: ReadonlySet<number> = new Set(Object.values(replies).map(reply => reply.code));

export type Walk = Readonly<{
  /** Sends one line and checks the answer; returns its text, or null when the session is closed. */
  say: (line: string) => Promise<string | null>;
  /** Plays a login to its end, or as many lines of it as `most`. */
  logIn: (lines: LoginLines, most: number) => Promise<void>;
  over: () => boolean;
  /** How many lines were said. */
  said: () => number;
}>;

export type WalkOptions = Readonly<{
  session: Session;
  secure: boolean;
  accountId: string;
  /** Looks at a message that may be sent, and says whether it is accepted in the end. */
  takes: (transaction: Transaction) => boolean;
}>;

export function createWalk({ session, secure: secureFromStart, accountId, takes }: WalkOptions): Walk {
  let over = false;
  let said = 0;
  let secure = secureFromStart;
  let knowsPassword = false;

  const say = async (line: string): Promise<string | null> => {
    if (over) return null;
    said++;
    const before = session.principal();
    const inExchange = session.inExchange();
    const action: Action = await session.command(octetsOf(line));
    if (action.kind === 'data') {
      // The one that matters: nothing reaches the queue without an account and a recipient.
      expect(session.principal()).not.toBeNull();
      expect(action.principal.accountId).toBe(accountId);
      expect(action.transaction.forwardPaths.length).toBeGreaterThan(0);
      expect(secure && !inExchange).toBe(true);
      session.transactionEnded({ accepted: takes(action.transaction) });
      return '354';
    }
    checkWire(action);
    const { code } = action.reply;
    if (before === null && session.principal() !== null) {
      expect(code).toBe(235);
      expect(knowsPassword && secure, `a login out of nothing: ${JSON.stringify(line)}`).toBe(true);
    }
    expect(code === 235).toBe(before === null && session.principal() !== null);
    if (action.kind !== 'close') expect(session.inExchange()).toBe(code === 334);
    if (/^2/.test(`${code}`) && /^\s*(mail|rcpt|data)\b/i.test(line))
      expect(session.principal()).not.toBeNull();
    if (action.kind === 'starttls') {
      session.secured();
      secure = true;
      expect(session.principal()).toBeNull();
    }
    over = action.kind === 'close';
    return over ? null : action.wire.trimEnd();
  };

  const logIn = async (lines: LoginLines, most: number): Promise<void> => {
    knowsPassword = true;
    let reply = await say(lines.first);
    for (let i = 1; i < most && reply?.startsWith('334'); i++) {
      const line = await lines.next(reply.slice(4));
      if (line === null) break;
      reply = await say(line);
    }
  };

  return { say, logIn, over: () => over, said: () => said };
}

/** One reply, of a code that the table has, its enhanced code of the same class, every line with CRLF and no other. */
function checkWire(action: Exclude<Action, { kind: 'data' }>): void {
  const { wire, reply } = action;
  expect(wire).toMatch(/^(?:(\d{3})-[ -~]*\r\n)*\d{3} [ -~]*\r\n$/);
  const lines = wire.trimEnd().split('\r\n');
  expect(new Set(lines.map(line => line.slice(0, 3)))).toEqual(new Set([`${reply.code}`]));
  expect(codes.has(reply.code)).toBe(true);
  const enhanced = /^\d{3} ([245])\.\d+\.\d+ /.exec(lines.at(-1) ?? '');
  if (enhanced !== null) expect(enhanced[1]).toBe(`${reply.code}`[0]);
  if (lines.length === 1) expect([formatReply(reply), formatLines(250, [reply.text])]).toContain(wire);
  if (action.kind === 'close') expect([221, 421]).toContain(reply.code);
}
