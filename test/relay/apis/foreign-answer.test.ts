// What comes in place of the API's answer: redirects, web pages. And what looks like it and is the API's own.

import { describe, expect, it } from 'vitest';
import { foreignVerdict } from '../../../server/relay/apis/foreign-answer.ts';
import { answer, PLACE } from './verdict.ts';

const HTML = { 'content-type': 'text/html; charset=utf-8' };
const PAGE = '<!DOCTYPE html><html><title>Sign in</title></html>';

describe('is the upstream’s state', () => {
  it.each([301, 302, 307, 308])('a redirect (%i), of which nothing but the host is said', status => {
    const location = 'https://someone:secret@login.example.org/next?token=secret';
    const verdict = foreignVerdict(answer(status, '', { location }), PLACE);
    expect(verdict?.fault).toMatchObject({ kind: 'unreachable', reply: `HTTP ${status} a redirect` });
    expect(verdict?.fault?.text).toContain('sends us on to login.example.org,');
    expect(verdict?.outcome).toMatchObject({ kind: 'deferred', reason: 'upstream' });
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });

  it('a redirect to nowhere in particular', () => {
    const verdict = foreignVerdict(answer(302, '', { location: '/login' }), PLACE);
    expect(verdict?.fault?.text).toContain('sends us on to another address,');
  });

  it.each([407, 511])('a proxy that wants a login (%i), with a page or without', status => {
    for (const response of [answer(status, ''), answer(status, PAGE, HTML)]) {
      const verdict = foreignVerdict(response, PLACE);
      expect(verdict?.fault).toMatchObject({
        kind: 'unreachable',
        reply: `HTTP ${status} a proxy wants a login`,
        text: expect.stringMatching(/^A proxy .*nothing is wrong with the key/),
      });
    }
  });

  it.each([200, 202, 401, 403, 404])('a web page (%i)', status => {
    const verdict = foreignVerdict(answer(status, PAGE, HTML), PLACE);
    expect(verdict?.fault).toMatchObject({
      kind: 'unreachable',
      reply: `HTTP ${status} a web page: Sign in`,
    });
  });
});

describe('is for the API’s description', () => {
  it.each([
    ['no content', answer(202, '')],
    ['nothing as HTML', answer(202, '', HTML)],
    ['a bare word as HTML', answer(401, 'Forbidden', HTML)],
    ['JSON', answer(400, { message: '<html>' }, { 'content-type': 'application/json' })],
    ['a page that says "too large"', answer(413, PAGE, HTML)],
    ['a page that says "too fast"', answer(429, PAGE, HTML)],
    ['a page that says "bad gateway"', answer(502, PAGE, HTML)],
  ])('%s', (_what, response) => {
    expect(foreignVerdict(response, PLACE)).toBeNull();
  });
});
