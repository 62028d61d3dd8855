// The pure parts of consents: addresses that are asked for and pasted, and how often we ask for a device code.

import { describe, expect, it } from 'vitest';
import { authorizationUrl, redirectWithPort } from '../../../server/relay/oauth/authorization-url.ts';
import { nextInterval } from '../../../server/relay/oauth/device-consent.ts';
import type { OAuthSettings } from '../../../server/relay/oauth/oauth-settings.ts';
import { isIssuerOf, parametersIn } from '../../../server/relay/oauth/pasted-answer.ts';
import { tokenLife } from '../../../server/relay/oauth/token-life.ts';
import type { TokenTrouble } from '../../../server/relay/oauth/token-trouble.ts';

const SETTINGS: OAuthSettings = {
  provider: 'google',
  flow: 'authorization-code',
  clientId: '123.apps.googleusercontent.com',
  scopes: ['https://mail.google.com/'],
  authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
  deviceEndpoint: null,
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
  clientAuthentication: 'post',
  redirectUri: 'http://127.0.0.1',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};

describe('the pasted address', () => {
  const whole = 'http://127.0.0.1:4711/?code=4%2F0AX4&state=abc&scope=https://mail.google.com/';
  it.each([
    ['whole', whole],
    ['in a line of its own', `\n${whole}\n`],
    ['broken by the terminal', `${whole.slice(0, 30)}\n    ${whole.slice(30)}`],
    ['with quotes', `"${whole}"`],
    ['with other quotes', `„${whole}“`],
    ['in angle brackets', `<${whole}>`],
    ['without its scheme', whole.slice(7)],
    ['as its query', '?code=4%2F0AX4&state=abc'],
    ['without its question mark', 'code=4%2F0AX4&state=abc'],
    ['out of a web page', '?code=4%2F0AX4&amp;state=abc'],
    ['after a fragment sign', 'http://localhost:1/#code=4%2F0AX4&state=abc'],
    ['with a zero-width blank', `${whole.slice(0, 20)}\u200b${whole.slice(20)}`],
  ])('is read %s', (_, pasted) => {
    const parameters = parametersIn(pasted);
    expect(parameters?.get('code')).toBe('4/0AX4');
    expect(parameters?.get('state')).toBe('abc');
  });

  it.each([
    '',
    'yes',
    'http://127.0.0.1:4711/',
    'https://accounts.google.com/o/oauth2/v2/auth?client_id=1',
  ])('is not "%s"', pasted => {
    expect(parametersIn(pasted)).toBeNull();
  });
});

describe('the provider that an answer names', () => {
  it.each([
    ['https://accounts.google.com', 'https://accounts.google.com/o/oauth2/v2/auth', true],
    ['https://www.fastmail.com', 'https://api.fastmail.com/oauth/authorize', true],
    [
      'https://login.microsoftonline.com/9f/v2.0',
      'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
      true,
    ],
    ['http://127.0.0.1:1234', 'http://127.0.0.1:1234/auth', true],
    ['https://evil.example', 'https://accounts.google.com/o/oauth2/v2/auth', false],
    ['http://127.0.0.2', 'http://127.0.0.1/auth', false],
    ['no address', 'https://accounts.google.com/o/oauth2/v2/auth', false],
  ])('%s for %s: %s', (issuer, endpoint, is) => {
    expect(isIssuerOf(issuer, [endpoint])).toBe(is);
  });
});

describe('the address that is opened', () => {
  const asked = {
    user: 'me@example.com',
    redirectUri: 'http://127.0.0.1:1',
    challenge: { state: 's', challenge: 'c' },
  };
  const parameters = (settings: OAuthSettings) => {
    const endpoint = `${settings.authorizationEndpoint}?p=1`;
    return Object.fromEntries(new URL(authorizationUrl({ ...asked, settings, endpoint })).searchParams);
  };

  it('asks Google for a refresh token each time, and for the mailbox', () => {
    expect(parameters(SETTINGS)).toMatchObject({
      p: '1',
      access_type: 'offline',
      prompt: 'consent',
      login_hint: 'me@example.com',
      code_challenge_method: 'S256',
    });
  });

  it('asks others as the standard has it', () => {
    expect(parameters({ ...SETTINGS, provider: 'other' })).not.toHaveProperty('prompt');
    expect(parameters({ ...SETTINGS, provider: 'other', scopes: ['mail', 'offline_access'] })).toMatchObject({
      prompt: 'consent',
      scope: 'mail offline_access',
    });
    expect(parameters({ ...SETTINGS, provider: 'microsoft' })).toMatchObject({
      login_hint: 'me@example.com',
    });
  });

  it.each([
    ['http://127.0.0.1', 'http://127.0.0.1:4711'],
    ['http://localhost', 'http://localhost:4711'],
    ['http://localhost/back', 'http://localhost:4711/back'],
    ['http://[::1]', 'http://[::1]:4711'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['https://postern.example/oauth', 'https://postern.example/oauth'],
  ])('sends the browser from %s to %s', (redirectUri, withPort) => {
    expect(redirectWithPort(redirectUri, 4711)).toBe(withPort);
  });
});

describe('asking for a device code', () => {
  const refused = (error: string, status = 400): TokenTrouble => ({
    kind: 'refused',
    status,
    error,
    description: null,
    detail: null,
    wait: null,
  });
  const silent: TokenTrouble = { kind: 'silent', errorCode: 'ETIMEDOUT', message: '' };
  it.each([
    ['goes on while it is pending', refused('authorization_pending'), 5_000],
    ['slows down by five seconds when told (RFC 8628 §3.5)', refused('slow_down'), 10_000],
    ['backs off when there is no answer', silent, 10_000],
    ['backs off at an outage', refused('server_error', 500), 10_000],
    ['ends when refused', refused('access_denied'), null],
    ['ends when expired', refused('expired_token'), null],
  ])('%s', (_, trouble, next) => {
    expect(nextInterval(trouble, 5_000)).toBe(next);
  });

  it('backs off to a minute at most', () => {
    expect(nextInterval(silent, 50_000)).toBe(60_000);
  });
});

describe('the life of an access token', () => {
  it.each([
    ['an hour: five minutes before its end', 3_600_000, 3_300_000, 3_590_000],
    ['ten seconds: a fifth before its end', 10_000, 8_000, 9_500],
    ['not said: half an hour', null, 1_500_000, 1_790_000],
    ['sixty days: a day', 60 * 86_400_000, 86_100_000, 86_390_000],
  ])('%s', (_, expiresIn, refreshAt, overAt) => {
    expect(tokenLife(0, expiresIn, 0)).toEqual({ refreshAt, overAt });
    expect(tokenLife(0, expiresIn, 1).refreshAt).toBeLessThan(refreshAt);
  });
});
