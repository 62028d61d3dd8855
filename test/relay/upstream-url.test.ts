// What operators type, and what they are told.

import { describe, expect, it } from 'vitest';
import { parseUpstreamUrl } from '../../server/relay/upstream-url.ts';

describe('an upstream URL', () => {
  it.each([
    ['smtp+starttls://me@smtp.example.com:2525', 'smtp+starttls', 'me', 'smtp.example.com', 2525],
    ['smtp+starttls://smtp.example.com', 'smtp+starttls', null, 'smtp.example.com', 587],
    ['smtps://me@example.com@smtp.example.com', 'smtps', 'me@example.com', 'smtp.example.com', 465],
    ['smtps://me%40example.com@smtp.example.com', 'smtps', 'me@example.com', 'smtp.example.com', 465],
    ['smtps://scan#1/a?b@smtp.example.com', 'smtps', 'scan#1/a?b', 'smtp.example.com', 465],
    ['smtps://a%3Ab@smtp.example.com', 'smtps', 'a:b', 'smtp.example.com', 465],
    ['smtps://100%@smtp.example.com', 'smtps', '100%', 'smtp.example.com', 465],
    ['smtps://100%25@smtp.example.com', 'smtps', '100%', 'smtp.example.com', 465],
    ['smtps://jürgen@smtp.example.com', 'smtps', 'jürgen', 'smtp.example.com', 465],
    ['SMTPS://smtp.example.com/', 'smtps', null, 'smtp.example.com', 465],
    ['smtps://[2001:db8::1]:465', 'smtps', null, '2001:db8::1', 465],
    ['smtps://192.0.2.1', 'smtps', null, '192.0.2.1', 465],
    ['smtps://bücher.example', 'smtps', null, 'xn--bcher-kva.example', 465],
    [' smtps://mail ', 'smtps', null, 'mail', 465],
    ['smtp+notls://localhost', 'smtp+notls', null, 'localhost', 25],
    ['smtp+notls://127.0.0.1:1025', 'smtp+notls', null, '127.0.0.1', 1025],
    ['smtp+notls://[::1]:1025', 'smtp+notls', null, '::1', 1025],
  ])('%s', (url, scheme, user, host, port) => {
    const address = { scheme, user, host, port, path: null };
    expect(parseUpstreamUrl(url)).toEqual({ kind: 'parsed', address });
  });

  it.each([
    ['graph+https://me@example.com@graph.microsoft.com', 'graph+https', 'graph.microsoft.com', 443, null],
    ['graph+https://me@example.com@graph.microsoft.com/', 'graph+https', 'graph.microsoft.com', 443, null],
    [
      'gmail+https://me@example.com@gate.example:8443/gmail/v1/',
      'gmail+https',
      'gate.example',
      8443,
      '/gmail/v1',
    ],
    ['ses+http://me@example.com@127.0.0.1:9000/a%20b', 'ses+http', '127.0.0.1', 9000, '/a%20b'],
    ['sparkpost+http://me@example.com@[::1]/v1.0', 'sparkpost+http', '::1', 80, '/v1.0'],
  ])('%s is a sending API', (url, scheme, host, port, path) => {
    const address = { scheme, user: 'me@example.com', host, port, path };
    expect(parseUpstreamUrl(url)).toEqual({ kind: 'parsed', address });
  });

  it.each([
    ['smtp.example.com', /scheme/],
    ['smtp://smtp.example.com', /"smtp" is not known.*smtp\+starttls/],
    ['https://smtp.example.com', /not known/],
    ['smtps://me:secret@smtp.example.com', /password.*--password-stdin/],
    ['smtps://@smtp.example.com', /empty/],
    ['smtps://', /host is missing/],
    ['smtps://me@', /host is missing/],
    ['smtps://smtp.example.com:0', /port/],
    ['smtps://smtp.example.com:99999', /port/],
    ['smtps://smtp.example.com:smtp', /port/],
    ['smtps://2001:db8::1', /brackets/],
    ['smtps://[nonsense]', /IPv6/],
    ['smtps://smtp.example.com/path', /nothing may follow/],
    ['smtps://smtp.example.com?x=1', /nothing may follow/],
    ['smtps://-bad-.example', /not a host name/],
    ['smtp+notls://smtp.example.com', /--allow-plaintext/],
    ['smtp+notls://127.example.com', /--allow-plaintext/],
    ['graph+http://graph.microsoft.com', /keys readable.*graph\+https/],
    ['graph+https://me:secret@graph.microsoft.com', /password/],
    ['graph+https://graph.microsoft.com/v1.0?x=1', /base path/],
    ['graph+https://graph.microsoft.com/../admin', /base path/],
    ['graph+https://graph.microsoft.com//v1.0', /base path/],
    ['sendgrid+https://api.sendgrid.com', /not known.*sparkpost\+https/],
  ])('%s is refused in words', (url, words) => {
    const result = parseUpstreamUrl(url);
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringMatching(words) });
    expect(result).not.toMatchObject({ text: expect.stringContaining('secret') });
  });

  it('may leave this machine without TLS when the operator insists', () => {
    expect(parseUpstreamUrl('smtp+notls://nas', { allowPlaintext: true }).kind).toBe('parsed');
    expect(parseUpstreamUrl('graph+http://nas', { allowPlaintext: true }).kind).toBe('refused');
  });
});
