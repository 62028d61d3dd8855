// What is shown of an upstream's login: enough to know where one stands, and never a secret.

import { describe, expect, it } from 'vitest';
import { stateWith } from '../../server/cli/upstream-item.ts';
import { consentItem, loginFacts, loginWord, oauthItem } from '../../server/cli/upstream-login-facts.ts';
import type { OAuthSettings } from '../../server/relay/oauth/oauth-settings.ts';
import { KEEP_IDENTITY, NO_PACING, PLAIN_SMTP, type Upstream } from '../../server/relay/upstream.ts';

const oauth: OAuthSettings = {
  provider: 'other',
  flow: 'authorization-code',
  clientId: 'client-1',
  scopes: ['mail.send', 'offline_access'],
  authorizationEndpoint: 'https://id.example.org/authorize',
  deviceEndpoint: null,
  tokenEndpoint: 'https://id.example.org/token',
  clientAuthentication: 'post',
  redirectUri: 'http://127.0.0.1',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};

const upstream: Upstream = {
  ...PLAIN_SMTP,
  id: 'x',
  name: 'my mail',
  scheme: 'smtps',
  host: 'mail.example.org',
  port: 465,
  user: 'me@example.org',
  sealedPassword: null,
  oauth,
  sealedClientSecret: new Uint8Array([1]),
  caPem: null,
  ehloName: null,
  connections: 3,
  pacing: NO_PACING,
  identity: KEEP_IDENTITY,
  messageSize: null,
  announcedSize: null,
  isDefault: true,
  pausedAt: null,
  createdAt: 0,
  revision: 1,
  fault: null,
};

const consent = {
  consentedAt: Date.UTC(2026, 10, 1),
  refreshedAt: Date.UTC(2026, 10, 20, 8, 30),
  endsAt: Date.UTC(2027, 0, 30),
};

const shown = (more: Partial<Upstream>, agreed: typeof consent | null) =>
  Object.fromEntries(loginFacts({ ...upstream, ...more }, agreed));

describe('a consent', () => {
  it('is shown with its times', () => {
    expect(shown({}, consent)).toMatchObject({
      Login: 'OAuth2 of another provider',
      'OAuth2 client': 'client-1',
      'Asks for': 'mail.send offline_access',
      'Client secret': 'set',
      Authorised: '2026-11-01 00:00:00Z, last used 2026-11-20 08:30:00Z, ends 2027-01-30 00:00:00Z',
    });
    expect(consentItem(consent)).toEqual({
      consented_at: '2026-11-01T00:00:00.000Z',
      refreshed_at: '2026-11-20T08:30:00.000Z',
      ends_at: '2027-01-30T00:00:00.000Z',
    });
    expect(stateWith(upstream, consent)).toBe('ready');
  });

  it('that nobody gave is said, with the command as a shell takes it', () => {
    expect(shown({}, null)['Authorised']).toBe("not yet: run postern upstream authorize 'my mail'");
    expect(stateWith(upstream, null)).toBe('not authorised');
    expect(stateWith({ ...upstream, pausedAt: 1 }, null)).toBe('paused');
  });

  it('is not asked for where the client has a right of its own', () => {
    const own: OAuthSettings = { ...oauth, flow: 'client-credentials' };
    expect(shown({ oauth: own }, null)).not.toHaveProperty('Authorised');
    expect(stateWith({ ...upstream, oauth: own }, null)).toBe('ready');
  });
});

it.each<[string, Partial<Upstream>, string]>([
  ['nothing', { oauth: null, user: null }, 'none'],
  ['a password', { oauth: null }, 'password'],
  ['a key', { oauth: null, scheme: 'sparkpost+https', user: null }, 'key'],
  ['OAuth2', {}, 'OAuth2'],
])('%s is the login, in a word', (_, more, word) => {
  expect(loginWord({ ...upstream, ...more })).toBe(word);
});

it('a sending API is shown by its address', () => {
  const api = {
    oauth: null,
    scheme: 'ses+https',
    host: 'gate.example',
    port: 8443,
    region: 'eu-west-1',
  } as const;
  expect(shown(api, null)).toMatchObject({
    Login: 'key',
    'Sending API': 'Amazon SES at https://gate.example:8443/v2/email',
    Region: 'eu-west-1',
  });
  expect(shown({ ...api, path: '/base', port: 443 }, null)['Sending API']).toBe(
    'Amazon SES at https://gate.example/base',
  );
});

it('no item holds a secret', () => {
  expect(oauthItem(upstream)).toMatchObject({ has_client_secret: true, client_id: 'client-1' });
  expect(JSON.stringify(oauthItem(upstream))).not.toMatch(/sealed|"secret"/);
});
