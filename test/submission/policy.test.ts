import { describe, expect, it } from 'vitest';
import type { AccountPolicy } from '../../server/accounts/account-policy.ts';
import type { LimitReached } from '../../server/accounts/sending-limits.ts';
import { NO_MESSAGE_DSN, NO_RECIPIENT_DSN } from '../../server/smtp/dsn-parameters.ts';
import { parseMail, parseRcpt } from '../../server/smtp/envelope.ts';
import { NULL_PATH } from '../../server/smtp/path.ts';
import type { Reply } from '../../server/smtp/reply.ts';
import { noForwardPaths } from '../../server/submission/forward-paths.ts';
import {
  checkAuth,
  checkData,
  checkMail,
  checkRcpt,
  type Denial,
  judgeMail,
  judgeRcpt,
  type Limits,
  limitsOf,
  limitsWith,
  permittedSenders,
  type Standing,
} from '../../server/submission/policy.ts';
import { type Transaction, withRecipient } from '../../server/submission/transaction.ts';
import { free } from './policies.ts';

const principal = { accountId: 'A1', name: 'scanner', sender: null, credentialVersion: 1 };
const limits: Limits = { messageSize: 1_000, sizeLimitOf: null, recipients: 2 };
const transaction: Transaction = {
  policy: free,
  reversePath: NULL_PATH,
  forwardPaths: noForwardPaths(),
  declaredSize: null,
  body: '7bit',
  smtputf8: false,
  requireTls: false,
  dsn: NO_MESSAGE_DSN,
};
const stranger: Standing = { secure: false, greeted: true, principal: null, transaction: null };
const member: Standing = { secure: true, greeted: true, principal, transaction: null };

function mail(argument: string) {
  const parsed = parseMail(Buffer.from(argument), 'postern.test');
  if (parsed.kind === 'refused') throw new Error(parsed.text);
  return parsed;
}

function rcpt(argument: string) {
  const parsed = parseRcpt(Buffer.from(argument), 'postern.test');
  if (parsed.kind === 'refused') throw new Error(parsed.text);
  return parsed;
}

const codes = (reply: Reply | null) =>
  reply && 'enhanced' in reply ? `${reply.code} ${reply.enhanced}` : reply;

/** Reply and reason of a denial, or null. */
const said = (denied: Denial | null) =>
  denied && `${codes(denied.reply)} ${denied.reply.text} (${denied.reason})`;

describe('the gate', () => {
  it.each<[string, Standing, string | null]>([
    ['a stranger in clear', stranger, '530 5.7.0'],
    ['a stranger over TLS', { ...stranger, secure: true }, '530 5.7.0'],
    ['a principal', member, null],
    ['a principal who did not say EHLO', { ...member, greeted: false }, '503 5.5.1'],
    ['a principal with a transaction under way', { ...member, transaction }, '503 5.5.1'],
  ])('answers MAIL of %s', (_who, standing, expected) => {
    expect(codes(checkMail(standing, mail('FROM:<a@example.net>')))).toBe(expected);
  });

  it.each<[string, Standing, string | null]>([
    ['in clear', stranger, '538 5.7.11'],
    ['over TLS', { ...stranger, secure: true }, null],
    ['twice', member, '503 5.5.1'],
  ])('answers AUTH %s', (_how, standing, expected) => {
    expect(codes(checkAuth(standing))).toBe(expected);
  });

  it('never lets DATA pass without a principal, a transaction and a recipient', () => {
    const ready = withRecipient(transaction, rcpt('TO:<b@example.org>').path, NO_RECIPIENT_DSN);
    expect(codes(checkData({ ...stranger, transaction: ready }))).toBe('530 5.7.0');
    expect(codes(checkData(member))).toBe('503 5.5.1');
    expect(codes(checkData({ ...member, transaction }))).toBe('503 5.5.1');
    expect(checkData({ ...member, transaction: ready })).toBeNull();
  });

  it('lets non-ASCII addresses pass with SMTPUTF8 only', () => {
    const umlaut = rcpt('TO:<jürgen@example.org>');
    expect(codes(checkRcpt(transaction, umlaut))).toBe('553 5.6.7');
    expect(checkRcpt({ ...transaction, smtputf8: true }, umlaut)).toBeNull();
  });
});

describe('the sender of an account', () => {
  const own = { ...free, sender: 'scan@example.com', senders: ['@printers.example', '@*.lan.example'] };
  it.each<[string, AccountPolicy, string, string | null]>([
    ['anybody, where none is set', free, '<x@anywhere.example>', null],
    ['anybody, where only its own is set', { ...free, sender: 'scan@example.com' }, '<x@y.example>', null],
    ['its own', own, '<scan@example.com>', null],
    ['its own, in another letter case', own, '<Scan@EXAMPLE.com>', null],
    ['one of a permitted domain', own, '<x@printers.example>', null],
    ['one below a permitted domain', own, '<x@floor2.lan.example>', null],
    ['one of that domain itself', own, '<x@lan.example>', 'This account may not send as <x@lan.example>'],
    ['the null reverse-path', own, '<>', null],
    ['another', own, '<ceo@example.com>', 'This account may not send as <ceo@example.com>'],
    ['one without a domain', own, '<root>', 'This account may not send as <root@postern.test>'],
    ['another, where others are allowed', { ...own, otherSenders: 'allow' }, '<ceo@example.com>', null],
    [
      'another, where only its own remains',
      { ...own, senders: [] },
      '<x@printers.example>',
      'may not send as',
    ],
  ])('may be %s', (_who, policy, path, expected) => {
    const answer = said(judgeMail(policy, mail(`FROM:${path}`), limits, null));
    if (expected === null) expect(answer).toBeNull();
    else {
      expect(answer).toMatch(/^550 5\.7\.1 .* \(senders\)$/);
      expect(answer).toContain(expected);
    }
  });

  it('is the same for the header', () => {
    expect(permittedSenders(own)).toEqual(['scan@example.com', '@printers.example', '@*.lan.example']);
    expect(permittedSenders({ ...own, otherSenders: 'allow' })).toBeNull();
    expect(permittedSenders(free)).toBeNull();
  });
});

describe('the recipients of an account', () => {
  const policy = { ...free, recipients: ['office@example.com', '@example.org'] };
  it.each<[string, string | null]>([
    ['<Office@example.com>', null],
    ['<anybody@EXAMPLE.org>', null],
    ['<x@sub.example.org>', '550 5.7.1 This account may not send to <x@sub.example.org> (recipients)'],
    ['<x@example.com>', '550 5.7.1 This account may not send to <x@example.com> (recipients)'],
  ])('%s', (path, expected) => {
    expect(said(judgeRcpt({ ...transaction, policy }, rcpt(`TO:${path}`), limits, null))).toBe(expected);
  });

  it('are at most as many as the server allows, or fewer', () => {
    const two = ['TO:<a@example.org>', 'TO:<b@example.org>'].reduce(
      (so, next) => withRecipient(so, rcpt(next).path, NO_RECIPIENT_DSN),
      transaction,
    );
    const third = rcpt('TO:<c@example.org>');
    expect(said(judgeRcpt(two, third, limits, null))).toBe(
      '452 4.5.3 Too many recipients, at most 2 (recipients-per-message)',
    );
    expect(said(judgeRcpt(two, third, { ...limits, recipients: 3 }, null))).toBeNull();
    // It is there already, so it is none too many.
    expect(judgeRcpt(two, rcpt('TO:<b@example.org>'), limits, null)).toBeNull();
  });
});

describe('limits', () => {
  it.each<[string, AccountPolicy, Limits]>([
    ['the server for all', free, limits],
    [
      'less',
      { ...free, messageSize: 500, recipientsPerMessage: 1 },
      { messageSize: 500, sizeLimitOf: 'account', recipients: 1 },
    ],
    ['never more', { ...free, messageSize: 5_000, recipientsPerMessage: 9 }, limits],
    [
      'no more than the whole share of the queue',
      { ...free, queueShare: { kind: 'octets', octets: 300 } },
      { messageSize: 300, sizeLimitOf: 'account', recipients: 2 },
    ],
  ])('%s', (_what, policy, expected) => {
    expect(limitsOf(policy, limits)).toEqual(expected);
  });

  it.each<[string, number | null, Limits]>([
    ['are the configured ones where nobody knows what the upstreams take', null, limits],
    ['are the configured ones where some upstream takes more', 1_000 + 4_096, limits],
    [
      'are less where no upstream takes so much, with room for the fields that are added',
      999 + 4_096,
      { ...limits, messageSize: 999, sizeLimitOf: 'upstreams' },
    ],
    ['are never below nothing', 10, { ...limits, messageSize: 0, sizeLimitOf: 'upstreams' }],
  ])('of the server %s', (_what, largest, expected) => {
    expect(limitsWith({ messageSize: 1_000, recipients: 2 }, largest)).toEqual(expected);
  });

  it.each<[string, AccountPolicy, Limits, string]>([
    ["the server's", free, limits, 'at most 1000 octets'],
    ["the account's", { ...free, messageSize: 500 }, limits, 'this account may send at most 500 octets'],
    [
      "the upstreams'",
      free,
      { ...limits, messageSize: 700, sizeLimitOf: 'upstreams' },
      'the mail provider takes at most 700 octets',
    ],
    [
      "the account's, where it is less than the upstreams'",
      { ...free, messageSize: 500 },
      { ...limits, messageSize: 700, sizeLimitOf: 'upstreams' },
      'this account may send at most 500 octets',
    ],
  ])('say whose the limit of the size is: %s', (_whose, policy, server, words) => {
    const denied = judgeMail(policy, mail('FROM:<a@example.net> SIZE=1001'), limitsOf(policy, server), null);
    expect(said(denied)).toBe(`552 5.3.4 Message too large, ${words} (message-size)`);
  });

  it('refuse a declared size before anything is sent', () => {
    expect(judgeMail(free, mail('FROM:<a@example.net> SIZE=1000'), limits, null)).toBeNull();
    expect(said(judgeMail(free, mail('FROM:<a@example.net> SIZE=1001'), limits, null))).toBe(
      '552 5.3.4 Message too large, at most 1000 octets (message-size)',
    );
  });

  it.each<[LimitReached, string]>([
    [
      { kind: 'messages', limit: 10, period: 'minute', wait: 1, when: 'in 20 seconds' },
      '450 4.7.1 This account may send 10 messages a minute; try again in 20 seconds (per-minute)',
    ],
    [
      { kind: 'messages', limit: 1, period: 'hour', wait: 1, when: 'in 12 minutes' },
      '450 4.7.1 This account may send one message an hour; try again in 12 minutes (per-hour)',
    ],
    [
      { kind: 'messages', limit: 200, period: 'day', wait: 1, when: 'in 5 hours, at 17:20 UTC' },
      '450 4.7.1 This account may send 200 messages a day; try again in 5 hours, at 17:20 UTC (per-day)',
    ],
  ])('say when the account may send again: %o', (reached, expected) => {
    expect(said(judgeMail(free, mail('FROM:<a@example.net>'), limits, reached))).toBe(expected);
  });

  it('say when it may send to more recipients again', () => {
    const reached: LimitReached = {
      kind: 'recipients',
      limit: 50,
      wait: 1,
      when: 'in 3 hours, at 04:00 UTC',
    };
    expect(said(judgeRcpt(transaction, rcpt('TO:<a@example.org>'), limits, reached))).toBe(
      '452 4.5.3 This account may send to 50 recipients in 24 hours; try again in 3 hours, at 04:00 UTC (recipients-per-day)',
    );
  });
});

describe('a repeated recipient', () => {
  it('is taken once; another local part in other letter case is another', () => {
    const paths = ['TO:<a@example.org>', 'TO:<a@EXAMPLE.org>', 'TO:<A@example.org>'].map(
      one => rcpt(one).path,
    );
    const { forwardPaths } = paths.reduce(
      (so, next) => withRecipient(so, next, NO_RECIPIENT_DSN),
      transaction,
    );
    expect(forwardPaths.list().map(path => path.text)).toEqual(['a@example.org', 'A@example.org']);
  });
});
