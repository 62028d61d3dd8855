import { describe, expect, it } from 'vitest';
import { parseMail, parseRcpt } from '../../server/smtp/envelope.ts';
import { NULL_PATH } from '../../server/smtp/path.ts';
import type { Reply } from '../../server/smtp/reply.ts';
import { checkAuth, checkData, checkMail, checkRcpt, type Standing } from '../../server/submission/policy.ts';
import { type Transaction, withRecipient } from '../../server/submission/transaction.ts';

const principal = { accountId: 'A1', name: 'scanner', sender: null };
const limits = { messageSize: 1_000, recipients: 2 };
const transaction: Transaction = {
  reversePath: NULL_PATH,
  forwardPaths: [],
  declaredSize: null,
  body: '7bit',
  smtputf8: false,
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

describe('the gate', () => {
  it.each<[string, Standing, string | null]>([
    ['a stranger in clear', stranger, '530 5.7.0'],
    ['a stranger over TLS', { ...stranger, secure: true }, '530 5.7.0'],
    ['a principal', member, null],
    ['a principal who did not say EHLO', { ...member, greeted: false }, '503 5.5.1'],
    ['a principal with a transaction under way', { ...member, transaction }, '503 5.5.1'],
  ])('answers MAIL of %s', (_who, standing, expected) => {
    expect(codes(checkMail(standing, mail('FROM:<a@example.net>'), limits))).toBe(expected);
  });

  it.each<[string, Standing, string | null]>([
    ['in clear', stranger, '538 5.7.11'],
    ['over TLS', { ...stranger, secure: true }, null],
    ['twice', member, '503 5.5.1'],
  ])('answers AUTH %s', (_how, standing, expected) => {
    expect(codes(checkAuth(standing))).toBe(expected);
  });

  it('never lets DATA pass without a principal, a transaction and a recipient', () => {
    const ready = withRecipient(transaction, rcpt('TO:<b@example.org>').path);
    expect(codes(checkData({ ...stranger, transaction: ready }))).toBe('530 5.7.0');
    expect(codes(checkData(member))).toBe('503 5.5.1');
    expect(codes(checkData({ ...member, transaction }))).toBe('503 5.5.1');
    expect(checkData({ ...member, transaction: ready })).toBeNull();
  });
});

describe('the limits', () => {
  it('refuse a declared size before anything is sent', () => {
    expect(checkMail(member, mail('FROM:<a@example.net> SIZE=1000'), limits)).toBeNull();
    expect(codes(checkMail(member, mail('FROM:<a@example.net> SIZE=1001'), limits))).toBe('552 5.3.4');
  });

  it('refuse a recipient too many, for now', () => {
    const full = ['TO:<a@example.org>', 'TO:<b@example.org>'].reduce(
      (so, next) => withRecipient(so, rcpt(next).path),
      transaction,
    );
    expect(codes(checkRcpt(full, rcpt('TO:<c@example.org>'), limits))).toBe('452 4.5.3');
  });

  it('refuse non-ASCII addresses without SMTPUTF8', () => {
    const umlaut = rcpt('TO:<jürgen@example.org>');
    expect(codes(checkRcpt(transaction, umlaut, limits))).toBe('553 5.6.7');
    expect(checkRcpt({ ...transaction, smtputf8: true }, umlaut, limits)).toBeNull();
  });
});

describe('a repeated recipient', () => {
  it('is taken once; another local part in other letter case is another', () => {
    const paths = ['TO:<a@example.org>', 'TO:<a@EXAMPLE.org>', 'TO:<A@example.org>'].map(
      one => rcpt(one).path,
    );
    expect(paths.reduce(withRecipient, transaction).forwardPaths.map(path => path.text)).toEqual([
      'a@example.org',
      'A@example.org',
    ]);
  });
});
