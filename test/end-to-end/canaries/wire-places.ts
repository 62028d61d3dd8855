// Everywhere that a client could put its password, on purpose or out of step: each place is a short conversation. What
// Postern answers is not looked at here, only kept.

import { createHash } from 'node:crypto';
import { coreOf } from './canary.ts';

export type WirePlace = Readonly<{
  where: string;
  /** clear: no TLS · tls: before the login · in: logged in */
  state: 'clear' | 'tls' | 'in';
  /** Lines without CRLF; each is answered before the next is sent. `name` is an account's. */
  lines: (secret: string, name: string) => readonly (string | Uint8Array)[];
}>;

export const base64 = (value: string | Uint8Array) => Buffer.from(value).toString('base64');
const plain = (authzid: string, name: string, password: string) =>
  `AUTH PLAIN ${base64(`${authzid}\0${name}\0${password}`)}`;
const digest = (text: string) => createHash('md5').update(text).digest('hex');
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

const inClear: readonly WirePlace[] = [
  { where: 'PLAIN before TLS', state: 'clear', lines: (s, name) => [plain('', name, s)] },
  { where: 'PLAIN before TLS, swapped', state: 'clear', lines: (s, name) => [plain('', s, name)] },
  {
    where: 'the line after a refused AUTH PLAIN',
    state: 'clear',
    lines: (s, name) => ['AUTH PLAIN', base64(`\0${name}\0${s}`), base64(s), s],
  },
  {
    where: 'the lines after a refused AUTH LOGIN',
    state: 'clear',
    lines: (s, name) => ['AUTH LOGIN', base64(name), base64(s), s],
  },
  {
    where: 'the name after a refused AUTH LOGIN',
    state: 'clear',
    lines: (s, name) => ['AUTH LOGIN', base64(s), base64(name)],
  },
  {
    where: 'AUTH LOGIN before TLS, inline',
    state: 'clear',
    lines: s => [`AUTH LOGIN ${base64(s)}`, base64(s)],
  },
  { where: 'STARTTLS with an argument', state: 'clear', lines: s => [`STARTTLS ${s}`] },
  { where: 'a web form', state: 'clear', lines: s => [`GET /?password=${s} HTTP/1.1`] },
];

const wrongLogins: readonly WirePlace[] = [
  { where: 'the password of PLAIN', state: 'tls', lines: (s, name) => [plain('', name, s)] },
  {
    where: 'the password of PLAIN in windows-1252',
    state: 'tls',
    lines: (s, name) => [`AUTH PLAIN ${base64(Buffer.from(`\0${name}\0${s}`, 'latin1'))}`],
  },
  {
    where: 'the password of PLAIN in UTF-16',
    state: 'tls',
    lines: (s, name) => [`AUTH PLAIN ${base64(Buffer.concat([Buffer.from(`\0${name}\0`), utf16(s)]))}`],
  },
  { where: 'the name of PLAIN', state: 'tls', lines: s => [plain('', s, 'x')] },
  {
    where: 'the authzid of PLAIN',
    state: 'tls',
    lines: (s, name) => [plain(s, name, 'x'), plain(s, '', 'x')],
  },
  { where: 'the whole of PLAIN', state: 'tls', lines: s => [`AUTH PLAIN ${base64(s)}`, `AUTH PLAIN ${s}`] },
  { where: 'PLAIN, later', state: 'tls', lines: s => ['AUTH PLAIN', s, 'AUTH PLAIN', base64(s)] },
  {
    where: 'the password of LOGIN',
    state: 'tls',
    lines: (s, name) => ['AUTH LOGIN', base64(name), base64(s)],
  },
  {
    where: 'the password of LOGIN as it is',
    state: 'tls',
    lines: (s, name) => ['AUTH LOGIN', base64(name), s],
  },
  { where: 'the name of LOGIN', state: 'tls', lines: (s, name) => ['AUTH LOGIN', base64(s), base64(name)] },
  { where: 'the name of LOGIN as it is', state: 'tls', lines: (s, name) => ['AUTH LOGIN', s, name] },
  { where: 'the inline name of LOGIN', state: 'tls', lines: s => [`AUTH LOGIN ${base64(s)}`, base64('x')] },
  {
    where: 'a line after 535',
    state: 'tls',
    lines: (s, name) => [`AUTH LOGIN ${base64(name)}`, base64('wrong'), base64(s), s],
  },
  { where: 'a line after 501', state: 'tls', lines: s => ['AUTH LOGIN not/base64!', base64(s), s] },
  { where: 'a line after *', state: 'tls', lines: s => ['AUTH LOGIN', '*', base64(s), s] },
  {
    where: 'the name of CRAM-MD5',
    state: 'tls',
    lines: s => ['AUTH CRAM-MD5', base64(`${s} ${digest(s)}`), `AUTH CRAM-MD5 ${base64(s)}`],
  },
  {
    where: 'the answer of CRAM-MD5',
    state: 'tls',
    lines: s => ['AUTH CRAM-MD5', base64(s), 'AUTH CRAM-MD5', s],
  },
  {
    where: 'the name of SCRAM-SHA-256',
    state: 'tls',
    lines: s => [`AUTH SCRAM-SHA-256 ${base64(`n,,n=${s},r=abc`)}`, base64(`c=biws,r=abc,p=${base64(s)}`)],
  },
  {
    where: 'the authzid of SCRAM-SHA-256',
    state: 'tls',
    lines: (s, name) => [`AUTH SCRAM-SHA-256 ${base64(`n,a=${s},n=${name},r=abc`)}`],
  },
  {
    where: 'the binding type of SCRAM-SHA-256-PLUS',
    state: 'tls',
    lines: (s, name) => [`AUTH SCRAM-SHA-256-PLUS ${base64(`p=${coreOf(s)},,n=${name},r=abc`)}`],
  },
  {
    where: 'the final message of SCRAM-SHA-256',
    state: 'tls',
    lines: (s, name) => [`AUTH SCRAM-SHA-256 ${base64(`n,,n=${name},r=abc`)}`, base64(s)],
  },
  {
    where: 'the mechanism',
    state: 'tls',
    lines: s => [`AUTH ${s}`, `AUTH ${base64(s)}`, `AUTH ${s} ${base64(s)}`],
  },
  {
    where: 'one argument of AUTH too many',
    state: 'tls',
    lines: s => [`AUTH PLAIN AA== ${base64(s)}`, `AUTH LOGIN x ${s}`],
  },
];

const otherLines: readonly WirePlace[] = [
  {
    where: 'the name in EHLO, without a message',
    state: 'tls',
    lines: s => [`EHLO ${s}`, `HELO ${s}`, 'NOOP'],
  },
  { where: 'a verb', state: 'tls', lines: s => [s, base64(s), `PASS ${s}`, `USER ${s}`, `${s} ${s}`] },
  { where: 'a verb in UTF-16', state: 'tls', lines: s => [utf16(s)] },
  {
    where: 'the argument of a simple command',
    state: 'in',
    lines: s => ['NOOP', 'RSET', 'VRFY', 'HELP', 'EXPN', 'STARTTLS', 'DATA'].map(verb => `${verb} ${s}`),
  },
  {
    where: 'a parameter of MAIL',
    state: 'in',
    lines: s => [
      `MAIL FROM:<a@sender.test> ${s}`,
      `MAIL FROM:<a@sender.test> PASS=${s}`,
      `MAIL FROM:<a@sender.test> AUTH=${s}`,
    ],
  },
  {
    where: 'the keyword of a parameter of MAIL',
    state: 'in',
    lines: s => [
      `MAIL FROM:<a@sender.test> ${coreOf(s)}=1`,
      `MAIL FROM:<a@sender.test> ${coreOf(s)} ${coreOf(s)}`,
    ],
  },
  {
    where: 'the value of a parameter of MAIL',
    state: 'in',
    lines: s => [`MAIL FROM:<a@sender.test> SIZE=${s}`, `MAIL FROM:<a@sender.test> BODY=${s}`],
  },
  {
    where: 'a parameter of RCPT',
    state: 'in',
    lines: s => ['MAIL FROM:<a@sender.test>', `RCPT TO:<a@b.test> ${s}`, `RCPT TO:<a@b.test> ${coreOf(s)}=x`],
  },
  {
    where: 'an address that is none',
    state: 'in',
    lines: s => [
      `MAIL FROM:<${s} @@>`,
      `MAIL ${s}`,
      `MAIL FROM:${s}@@`,
      'MAIL FROM:<a@sender.test>',
      `RCPT TO:<"${s}>`,
    ],
  },
  { where: 'AUTH once more', state: 'in', lines: (s, name) => [plain('', name, s), base64(s)] },
  {
    where: 'a line too long',
    state: 'tls',
    lines: s => [`${'x'.repeat(5000)} ${s}`, `AUTH PLAIN ${base64(s.repeat(600))}`],
  },
];

export const wirePlaces: readonly WirePlace[] = [...inClear, ...wrongLogins, ...otherLines];
