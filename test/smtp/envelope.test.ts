import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMail, parseRcpt } from '../../server/smtp/envelope.ts';

const HOST = 'postern.lan';
const mail = (argument: string, encoding: BufferEncoding = 'utf8') =>
  parseMail(Buffer.from(argument, encoding), HOST);
const rcpt = (argument: string, encoding: BufferEncoding = 'utf8') =>
  parseRcpt(Buffer.from(argument, encoding), HOST);

describe('MAIL as devices send it', () => {
  const table = [
    ['FROM:<a@b.example>', 'a@b.example', null],
    ['from:<a@b.example>', 'a@b.example', null],
    ['FROM: <a@b.example>', 'a@b.example', null],
    ['FROM :\t<a@b.example>', 'a@b.example', null],
    ['FROM:< a@b.example >', 'a@b.example', null],
    ['FROM:a@b.example', 'a@b.example', null],
    ['FROM: a@b.example SIZE=10', 'a@b.example', 10],
    ['FROM:<a@b.example> SIZE=10', 'a@b.example', 10],
    ['FROM:<a@b.example>SIZE=10', 'a@b.example', 10],
    ['FROM:<a@b.example SIZE=10', 'a@b.example', 10],
    ['FROM:<a@b.example', 'a@b.example', null],
    ['FROM:a@b.example>', 'a@b.example', null],
    ['FROM:<"a> b"@b.example> SIZE=10', '"a> b"@b.example', 10],
    ['FROM:"a b"@b.example SIZE=10', '"a b"@b.example', 10],
    ['FROM:<"a\\"> b"@b.example> SIZE=10', '"a\\"> b"@b.example', 10],
    ['FROM:<@one.example,@two.example:a@b.example>', 'a@b.example', null],
    ['FROM:<apc>', 'apc@postern.lan', null],
    ['FROM:apc SIZE=3', 'apc@postern.lan', 3],
    ['FROM:<>', '', null],
    ['FROM: <>SIZE=3', '', 3],
    ['FROM:< >', '', null],
  ] as const;
  for (const [argument, text, size] of table) {
    it(argument, () => {
      expect(mail(argument)).toMatchObject({ kind: 'mail', path: { text }, size });
    });
  }

  it('takes UTF-8 addresses and says that they need SMTPUTF8', () => {
    expect(mail('FROM:<j\u00fcrgen@b.example> SMTPUTF8')).toMatchObject({
      smtputf8: true,
      path: { smtputf8: true },
    });
    expect(mail('FROM:<j\u00fcrgen@b.example>')).toMatchObject({ smtputf8: false, path: { smtputf8: true } });
  });
});

describe('MAIL that is refused', () => {
  const table = [
    ['', 'arguments'],
    ['FROM', 'arguments'],
    ['FROM:', 'arguments'],
    ['FROM: ', 'arguments'],
    ['<a@b.example>', 'arguments'],
    ['TO:<a@b.example>', 'arguments'],
    ['FROM:<', 'address'],
    ['FROM:>', 'address'],
    ['FROM:<my printer@b.example>', 'address'],
    ['FROM:<"open@b.example>', 'address'],
    ['FROM:<Printer <a@b.example>>', 'address'],
    ['FROM:Printer <a@b.example>', 'arguments'],
    ['FROM:<a@b.example> X-GARBAGE=', 'unknown-parameter'],
    ['FROM:<a@b.example>\u0000SIZE=1', 'arguments'],
    ['FROM:<a\u0000@b.example>', 'address'],
    ['FROM:<a@b.example> NOTIFY=NEVER', 'unknown-parameter'],
    ['FROM:<a@b.example> RET=MAYBE', 'arguments'],
    ['FROM:<a@b.example> SIZE=x', 'arguments'],
  ] as const;
  for (const [argument, reason] of table) {
    it(JSON.stringify(argument), () => {
      expect(mail(argument)).toMatchObject({ kind: 'refused', reason });
    });
  }

  it('bytes that are not UTF-8, instead of making U+FFFD of them', () => {
    expect(mail('FROM:<j\xfcrgen@b.example>', 'latin1')).toMatchObject({ reason: 'not-utf8' });
    expect(rcpt('TO:<j\xfcrgen@b.example>', 'latin1')).toMatchObject({ reason: 'not-utf8' });
  });
});

describe('RCPT', () => {
  it('takes what MAIL takes', () => {
    expect(rcpt('TO:b@Example.org')).toMatchObject({ kind: 'rcpt', path: { text: 'b@example.org' } });
    expect(rcpt('to: <postmaster>')).toMatchObject({ path: { text: 'postmaster@postern.lan' } });
  });
  it('refuses an empty recipient', () => {
    expect(rcpt('TO:<>')).toMatchObject({ kind: 'refused', reason: 'address' });
  });
  it('takes what the client asks to be told, glued to the address or not', () => {
    const dsn = { notify: 'never', originalRecipient: null };
    expect(rcpt('TO:<b@example.org> NOTIFY=NEVER')).toMatchObject({ kind: 'rcpt', dsn });
    expect(rcpt('TO:b@example.org NOTIFY=NEVER')).toMatchObject({ kind: 'rcpt', dsn });
    expect(rcpt('TO:<b@example.org>NOTIFY=NEVER')).toMatchObject({ kind: 'rcpt', dsn });
    expect(rcpt('TO:<b@example.org>')).toMatchObject({ dsn: { notify: null, originalRecipient: null } });
  });
  it('refuses what belongs to MAIL', () => {
    expect(rcpt('TO:<b@example.org> SIZE=1')).toMatchObject({ reason: 'unknown-parameter' });
  });
});

describe('any bytes', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: fc.constantFrom(...'a@b.<>" \\\t=:,[]\u00fc\r\n') }).map(text => Buffer.from(text)),
  );
  it('give an envelope or a refusal with printable ASCII text, never an exception', () => {
    fc.assert(
      fc.property(octets, bytes => {
        for (const parsed of [
          parseMail(Buffer.concat([Buffer.from('FROM:'), bytes]), HOST),
          parseRcpt(Buffer.concat([Buffer.from('TO:'), bytes]), HOST),
          parseMail(bytes, HOST),
        ]) {
          if (parsed.kind === 'refused') expect(parsed.text).toMatch(/^[ -~]{5,250}$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
