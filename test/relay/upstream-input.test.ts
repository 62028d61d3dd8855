// What an upstream logs in with: passwords, keys, OAuth2; what is kept when it changes, and what goes.

import { describe, expect, it } from 'vitest';
import type { OAuthSettings } from '../../server/relay/oauth/oauth-settings.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { changedSettings, newSettings, type UpstreamChanges } from '../../server/relay/upstream-input.ts';
import type { UpstreamSettings } from '../../server/relay/upstream-statements.ts';

const octets = (text: string) => new TextEncoder().encode(text);
const SEALS = { password: octets, clientSecret: (text: string) => octets(`secret:${text}`) };

const oauth: OAuthSettings = {
  provider: 'microsoft',
  flow: 'device-code',
  clientId: 'client-1',
  scopes: ['https://outlook.office.com/SMTP.Send', 'offline_access'],
  authorizationEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
  deviceEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/devicecode',
  tokenEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
  clientAuthentication: 'none',
  redirectUri: 'http://localhost',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};

const M365 = 'smtp+starttls://me@example.com@smtp.office365.com';
const GRAPH = 'graph+https://me@example.com@graph.microsoft.com';
const SES = 'ses+https://AKIA1@email.eu-west-1.amazonaws.com';

function added(url: string, more: object = {}): Upstream {
  const made = newSettings({ name: 'x', url, ...more }, SEALS);
  if (made.kind === 'refused') throw new Error(made.text);
  return {
    ...made.settings,
    id: 'x',
    name: 'x',
    announcedSize: null,
    isDefault: true,
    pausedAt: null,
    createdAt: 0,
    revision: 1,
    fault: null,
  };
}

function changed(upstream: Upstream, changes: UpstreamChanges): UpstreamSettings {
  const made = changedSettings(upstream, changes, SEALS);
  if (made.kind === 'refused') throw new Error(made.text);
  return made.settings;
}

describe('adding', () => {
  it.each<[string, string, object, object]>([
    ['SMTP by password', M365, { password: 'p' }, { sealedPassword: octets('p'), oauth: null }],
    ['SMTP by OAuth2', M365, { oauth }, { sealedPassword: null, oauth, sealedClientSecret: null }],
    ['a secret without OAuth2', M365, { password: 'p', clientSecret: 's' }, { sealedClientSecret: null }],
    ['Graph', GRAPH, { oauth, clientSecret: 's' }, { sealedClientSecret: octets('secret:s'), path: null }],
    ['Amazon SES', SES, { password: 'k' }, { user: 'AKIA1', sealedPassword: octets('k'), region: null }],
    [
      'it elsewhere',
      'ses+http://AKIA1@127.0.0.1:1/v2',
      { password: 'k', region: 'eu-west-1' },
      { region: 'eu-west-1', path: '/v2' },
    ],
    [
      'a key without a user',
      'sparkpost+https://api.sparkpost.com',
      { password: 'k' },
      { user: null, sealedPassword: octets('k') },
    ],
  ])('%s', (_, url, more, settings) => {
    expect(added(url, more)).toMatchObject(settings);
  });

  it.each<[string, string, object, RegExp]>([
    ['a password and OAuth2', M365, { password: 'p', oauth }, /not with both/],
    ['OAuth2 for nobody', 'smtp+starttls://smtp.office365.com', { oauth }, /needs the user name/],
    ['a user without anything', M365, {}, /no password.*--oauth-client-id/],
    ['Graph with a password', GRAPH, { password: 'p' }, /takes only OAuth2/],
    ['Graph for nobody', 'graph+https://graph.microsoft.com', { oauth }, /user is missing.*the mailbox/],
    ['Amazon SES with OAuth2', SES, { oauth }, /takes a key, not OAuth2/],
    ['Amazon SES without a key', SES, {}, /secret access key of Amazon SES is missing/],
    ['a key id that is none', SES.replace('AKIA1', 'AKIA€'), { password: 'k' }, /no id of an access key/],
    ['SparkPost with a user', 'sparkpost+https://me@api.sparkpost.com', { password: 'k' }, /"me@" away/],
    ['a region elsewhere', M365, { password: 'p', region: 'eu-west-1' }, /Amazon SES alone/],
    ['a region of another API', GRAPH, { oauth, region: 'eu-west-1' }, /Amazon SES alone/],
    ['a region that is none', SES, { password: 'k', region: 'Frankfurt' }, /no region of Amazon/],
    ['a preset that is none', M365, { password: 'p', preset: 'gmial' }, /no preset "gmial"/],
    [
      'a confidential client without its secret',
      M365,
      { oauth: { ...oauth, clientAuthentication: 'post' } },
      /client secret is missing/,
    ],
    [
      'client credentials without',
      M365,
      { oauth: { ...oauth, flow: 'client-credentials' } },
      /client secret is missing/,
    ],
    [
      'a service account without its key',
      M365,
      { oauth: { ...oauth, flow: 'service-account' } },
      /private key.*is missing/,
    ],
  ])('refuses %s', (_, url, more, words) => {
    const made = newSettings({ name: 'x', url, ...more }, SEALS);
    expect(made).toMatchObject({ kind: 'refused', text: expect.stringMatching(words) });
    expect(made).toMatchObject({ text: expect.stringMatching(/^[^\n]+\.$/) });
  });
});

describe('changing', () => {
  it('of the password ends OAuth2; of OAuth2 ends the password', () => {
    const byToken = added(M365, { oauth: { ...oauth, clientAuthentication: 'post' }, clientSecret: 's' });
    expect(changed(byToken, { password: 'p' })).toMatchObject({
      oauth: null,
      sealedClientSecret: null,
      sealedPassword: octets('p'),
    });
    expect(changed(added(M365, { password: 'p' }), { oauth })).toMatchObject({ oauth, sealedPassword: null });
  });

  it('keeps what it logs in with where it may', () => {
    const byToken = added(M365, { oauth: { ...oauth, clientAuthentication: 'post' }, clientSecret: 's' });
    expect(changed(byToken, { connections: 1 })).toMatchObject({
      oauth: { clientId: 'client-1' },
      sealedClientSecret: octets('secret:s'),
    });
    expect(changed(added(SES, { password: 'k' }), { url: SES.replace('west', 'central') })).toMatchObject({
      host: 'email.eu-central-1.amazonaws.com',
      sealedPassword: octets('k'),
    });
  });

  it('takes no key along to another API, and no password of a mailbox', () => {
    for (const before of [added(SES, { password: 'k' }), added(M365, { password: 'p' })]) {
      expect(changedSettings(before, { url: 'sparkpost+https://api.sparkpost.com' }, SEALS)).toMatchObject({
        kind: 'refused',
        text: expect.stringContaining('API key of SparkPost is missing'),
      });
    }
  });

  it('of the host forgets preset and region, which are the old ones', () => {
    const gmail = added('smtps://me@gmail.com@smtp.gmail.com', { password: 'p', preset: 'google-workspace' });
    expect(gmail.preset).toBe('google-workspace');
    expect(changed(gmail, { connections: 2 }).preset).toBe('google-workspace');
    expect(changed(gmail, { url: 'smtp+starttls://me@gmail.com@smtp.gmail.com:587' }).preset).toBe(
      'google-workspace',
    );
    expect(changed(gmail, { url: 'smtps://me@example.com@mail.example.com' })).toMatchObject({
      preset: null,
      pacing: { messagesPerDay: null },
    });
    const stood = added('ses+http://AKIA1@127.0.0.1:1', { password: 'k', region: 'eu-west-1' });
    expect(changed(stood, { messageSize: 1_000 }).region).toBe('eu-west-1');
    expect(changed(stood, { url: SES }).region).toBeNull();
  });

  it('brings the limits of the new provider, and keeps those that were set', () => {
    const before = added(M365, { oauth, pacing: { messagesPerHour: 7 } });
    expect(changed(before, { url: GRAPH })).toMatchObject({
      pacing: { messagesPerMinute: null, messagesPerHour: 7 },
      messageSize: 3 * 1024 * 1024,
      identity: { displayName: 'without-at' },
    });
  });
});
