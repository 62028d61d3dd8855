// What operators say of an OAuth2 client, and what it comes to: settings, or one sentence.

import { describe, expect, it } from 'vitest';
import type { OAuthPlace, OAuthWishes } from '../../../server/relay/oauth/oauth-choice.ts';
import { needsAnotherConsent, oauthSettings } from '../../../server/relay/oauth/oauth-input.ts';
import type { OAuthSettings } from '../../../server/relay/oauth/oauth-settings.ts';
import { presetOf } from '../../../server/relay/presets.ts';
import type { UpstreamScheme } from '../../../server/relay/upstream-scheme.ts';

const SECRET = 'not to be repeated';

type Case = Readonly<{
  secret?: string | null;
  user?: string;
  before?: Readonly<{ settings: OAuthSettings; place: OAuthPlace; hasSecret: boolean }>;
}>;

/** `where`: scheme and host, such as `graph+https graph.microsoft.com`. */
function input(
  where: string,
  wishes: OAuthWishes,
  { secret = null, user = 'me@example.com', before }: Case = {},
) {
  const place = placeOf(where, user);
  const presetProvider = presetOf({ ...place, preset: null })?.oauth ?? null;
  return oauthSettings(wishes, { place, presetProvider, secret, before: before ?? null });
}

function placeOf(where: string, user = 'me@example.com'): OAuthPlace {
  const [scheme = '', host = ''] = where.split(' ');
  return { scheme: scheme as UpstreamScheme, host, user };
}

function settings(where: string, wishes: OAuthWishes, more: Case = {}): OAuthSettings {
  const result = input(where, wishes, more);
  if (result.kind !== 'settings') throw new Error(result.text);
  return result.settings;
}

const MICROSOFT = 'smtp+starttls smtp.office365.com';
const GRAPH = 'graph+https graph.microsoft.com';
const GOOGLE = 'smtps smtp.gmail.com';
const GMAIL_API = 'gmail+https gmail.googleapis.com';
const OTHER = 'smtps mail.example.org';
const clientId = 'client-1';

const SERVICE_ACCOUNT = JSON.stringify({
  type: 'service_account',
  client_email: 'relay@project.iam.gserviceaccount.com',
  private_key_id: 'key-7',
  private_key: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`,
});

describe('Microsoft', () => {
  it('is known by its host; a device code asks everybody for the right to send, without a secret', () => {
    expect(settings(MICROSOFT, { clientId })).toEqual({
      provider: 'microsoft',
      flow: 'device-code',
      clientId,
      scopes: ['https://outlook.office.com/SMTP.Send', 'offline_access'],
      authorizationEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
      deviceEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/devicecode',
      tokenEndpoint: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
      clientAuthentication: 'none',
      redirectUri: 'http://localhost',
      keyId: null,
      clientSecretEndsAt: null,
      testing: false,
    });
  });

  it.each([
    [GRAPH, 'https://graph.microsoft.com/Mail.Send', 'https://graph.microsoft.com/.default'],
    [MICROSOFT, 'https://outlook.office.com/SMTP.Send', 'https://outlook.office365.com/.default'],
    [
      'smtp+starttls smtp.partner.outlook.cn',
      'https://partner.outlook.cn/SMTP.Send',
      'https://partner.outlook.cn/.default',
    ],
    [
      'graph+https microsoftgraph.chinacloudapi.cn',
      'https://microsoftgraph.chinacloudapi.cn/Mail.Send',
      'https://microsoftgraph.chinacloudapi.cn/.default',
    ],
    [
      'graph+https graph.microsoft.us',
      'https://graph.microsoft.us/Mail.Send',
      'https://graph.microsoft.us/.default',
    ],
  ])('%s asks for rights of its own', (where, byPerson, byItself) => {
    expect(settings(where, { clientId }).scopes).toEqual([byPerson, 'offline_access']);
    const app = { clientId, flow: 'client-credentials', tenant: 'example.com' };
    expect(settings(where, app, { secret: SECRET })).toMatchObject({
      scopes: [byItself],
      clientAuthentication: 'post',
    });
  });

  it.each([
    [MICROSOFT, 'me@example.com', 'login.microsoftonline.com/common'],
    ['smtp+starttls smtp-mail.outlook.com', 'me@outlook.com', 'login.microsoftonline.com/consumers'],
    [GRAPH, 'me@hotmail.co.uk', 'login.microsoftonline.com/consumers'],
    [GRAPH, 'me@example.com', 'login.microsoftonline.com/common'],
    ['smtp+starttls smtp.partner.outlook.cn', 'me@example.cn', 'login.partner.microsoftonline.cn/common'],
    ['graph+https graph.microsoft.us', 'me@example.us', 'login.microsoftonline.us/common'],
  ])('%s of %s gives out tokens at %s', (where, user, at) => {
    expect(settings(where, { clientId }, { user }).tokenEndpoint).toBe(`https://${at}/oauth2/v2.0/token`);
  });
});

describe('Google', () => {
  it('wants a secret, and sends the browser to this machine', () => {
    expect(settings(GOOGLE, { clientId, testing: true }, { secret: SECRET })).toMatchObject({
      provider: 'google',
      flow: 'authorization-code',
      scopes: ['https://mail.google.com/'],
      tokenEndpoint: 'https://oauth2.googleapis.com/token',
      deviceEndpoint: null,
      clientAuthentication: 'post',
      redirectUri: 'http://127.0.0.1',
      testing: true,
    });
    expect(input(GOOGLE, { clientId })).toMatchObject({
      kind: 'lacks-secret',
      text: expect.stringContaining('--oauth-client-secret-prompt'),
    });
  });

  it('asks for less where its API is used', () => {
    const { scopes } = settings(GMAIL_API, { clientId }, { secret: SECRET });
    expect(scopes).toEqual(['https://www.googleapis.com/auth/gmail.send']);
  });

  it('takes the key file of a service account, whose key is kept as the secret', () => {
    const result = input(GOOGLE, { serviceAccount: SERVICE_ACCOUNT });
    expect(result).toMatchObject({
      settings: {
        flow: 'service-account',
        clientId: 'relay@project.iam.gserviceaccount.com',
        keyId: 'key-7',
        clientAuthentication: 'none',
        scopes: ['https://mail.google.com/'],
      },
      clientSecret: expect.stringContaining('BEGIN PRIVATE KEY'),
    });
    expect(JSON.stringify(result.kind === 'settings' && result.settings)).not.toContain(SECRET);
  });
});

describe('any other provider', () => {
  const endpoints = { tokenEndpoint: 'https://id.example.org/token' };
  const authorizationEndpoint = 'https://id.example.org/authorize';

  it('is known by its endpoints', () => {
    const wishes = { clientId, ...endpoints, authorizationEndpoint, scopes: 'mail.send, offline_access' };
    expect(settings(OTHER, wishes, { secret: SECRET })).toMatchObject({
      provider: 'other',
      flow: 'authorization-code',
      scopes: ['mail.send', 'offline_access'],
      clientAuthentication: 'post',
      redirectUri: 'http://127.0.0.1',
    });
    const device = { clientId, ...endpoints, deviceEndpoint: 'http://127.0.0.1:9000/device' };
    expect(settings(OTHER, device).flow).toBe('device-code');
  });

  it('may prove itself otherwise, with a secret that ends', () => {
    const wishes = { clientId, ...endpoints, flow: 'client-credentials', clientAuthentication: 'basic' };
    const made = settings(OTHER, { ...wishes, clientSecretEnds: '2027-06-30' }, { secret: SECRET });
    expect(made).toMatchObject({
      clientAuthentication: 'basic',
      clientSecretEndsAt: Date.UTC(2027, 5, 30),
    });
  });
});

describe('what cannot work is refused in one sentence', () => {
  const code = {
    authorizationEndpoint: 'https://id.example.org/a',
    tokenEndpoint: 'https://id.example.org/t',
  };
  const cases: [string, string, OAuthWishes, RegExp, Case?][] = [
    ['nobody knows whose', OTHER, { clientId }, /--oauth-provider google, microsoft, or other/],
    ['no client id', MICROSOFT, {}, /--oauth-client-id.*config\/oauth\.md/],
    [
      'a device code at Google',
      GOOGLE,
      { clientId, flow: 'device' },
      /no rights to mail.*authorization-code/,
    ],
    ['client credentials at Google', GOOGLE, { clientId, flow: 'client-credentials' }, /service account/],
    ['a service account at Microsoft', MICROSOFT, { serviceAccount: SERVICE_ACCOUNT }, /Only Google/],
    [
      'a service account for gmail.com',
      GOOGLE,
      { serviceAccount: SERVICE_ACCOUNT },
      /Workspace/,
      { user: 'me@gmail.com' },
    ],
    ['no key file', GOOGLE, { serviceAccount: `{"private_key": "${SECRET}"}` }, /no key file/],
    ['a flow without its file', GOOGLE, { flow: 'service-account' }, /--oauth-service-account-file/],
    ['client credentials for anybody', MICROSOFT, { clientId, flow: 'client-credentials' }, /--oauth-tenant/],
    [
      'client credentials for a private mailbox',
      'smtp+starttls smtp-mail.outlook.com',
      { clientId, flow: 'client-credentials', tenant: 'example.com' },
      /private mailbox/,
    ],
    ['an unknown flow', MICROSOFT, { clientId, flow: 'implicit' }, /"implicit" is no flow/],
    ['an unknown provider', OTHER, { clientId, provider: 'yahoo' }, /"yahoo" is no OAuth2 provider/],
    ['an unknown tenant', MICROSOFT, { clientId, tenant: 'a b' }, /"a b" is no tenant/],
    ['a tenant at Google', GOOGLE, { clientId, tenant: 'example.com' }, /only for Microsoft/],
    ['no token endpoint', OTHER, { clientId, provider: 'other' }, /--oauth-token-endpoint/],
    ['no endpoint for the flow', OTHER, { clientId, ...code, flow: 'device' }, /--oauth-device-endpoint/],
    ['http elsewhere', OTHER, { clientId, ...code, tokenEndpoint: 'http://id.example.org/t' }, /https:\/\//],
    ['no URL', OTHER, { clientId, ...code, tokenEndpoint: 'id.example.org' }, /absolute URL/],
    [
      'a password in it',
      OTHER,
      { clientId, ...code, tokenEndpoint: `https://a:${SECRET}@x.y/t` },
      /password/,
    ],
    ['out of band', MICROSOFT, { clientId, redirectUri: 'urn:ietf:wg:oauth:2.0:oob' }, /urn:/],
    ['a redirect elsewhere', MICROSOFT, { clientId, redirectUri: 'http://nas/' }, /redirect address/],
    ['a bad scope', MICROSOFT, { clientId, scopes: 'send"it' }, /scope/],
    ['a bad day', MICROSOFT, { clientId, clientSecretEnds: '2027-02-30' }, /no day/],
    ['a bad proof', MICROSOFT, { clientId, clientAuthentication: 'jwt' }, /none .*post or basic/],
    ['testing at Microsoft', MICROSOFT, { clientId, testing: true }, /Only Google/],
  ];
  it.each<[string, string, OAuthWishes, RegExp, Case?]>(cases)('%s', (_, where, wishes, words, more) => {
    const result = input(where, wishes, more);
    if (result.kind === 'settings') throw new Error('it was taken');
    expect(result.text).toMatch(words);
    expect(result.text).toMatch(/^[^\n]+[.]$/);
    expect(result.text).not.toContain(SECRET);
  });

  it('client credentials without a secret', () => {
    const wishes = { clientId, flow: 'client-credentials', tenant: 'example.com' };
    expect(input(MICROSOFT, wishes).kind).toBe('lacks-secret');
  });
});

describe('a change', () => {
  const asItWas = (where: string, wishes: OAuthWishes, more: Case = {}) => ({
    settings: settings(where, wishes, more),
    place: placeOf(where),
    hasSecret: typeof more.secret === 'string',
  });

  it('keeps what is not mentioned, also what was set by hand', () => {
    const own = {
      clientId,
      tenant: 'example.com',
      scopes: 'custom',
      redirectUri: 'http://localhost:4711/here',
    };
    const changed = settings(
      MICROSOFT,
      { flow: 'code' },
      { before: asItWas(MICROSOFT, { ...own, flow: 'code' }) },
    );
    expect(changed).toMatchObject({
      clientId,
      scopes: ['custom'],
      redirectUri: 'http://localhost:4711/here',
      tokenEndpoint: 'https://login.microsoftonline.com/example.com/oauth2/v2.0/token',
    });
  });

  it('of flow, tenant or way brings what belongs to it', () => {
    const was = asItWas(MICROSOFT, { clientId, tenant: 'example.com' });
    const app = settings(MICROSOFT, { flow: 'client-credentials' }, { before: was, secret: SECRET });
    expect(app.scopes).toEqual(['https://outlook.office365.com/.default']);
    expect(settings(GRAPH, {}, { before: was })).toMatchObject({
      scopes: ['https://graph.microsoft.com/Mail.Send', 'offline_access'],
      tokenEndpoint: 'https://login.microsoftonline.com/example.com/oauth2/v2.0/token',
    });
    expect(settings(MICROSOFT, { tenant: 'example.net' }, { before: was }).authorizationEndpoint).toContain(
      '/example.net/',
    );
  });

  it('to another provider takes nothing over', () => {
    const was = asItWas(MICROSOFT, { clientId });
    expect(input(GOOGLE, {}, { before: was, secret: SECRET })).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('--oauth-client-id'),
    });
  });

  it('keeps what was said of the end of a secret as long as the secret', () => {
    const clientSecretEnds = '2027-06-30';
    const was = asItWas(MICROSOFT, { clientId, clientSecretEnds }, { secret: SECRET });
    const ends = (wishes: OAuthWishes, secret: string | null = null) =>
      settings(MICROSOFT, wishes, { before: was, secret }).clientSecretEndsAt;
    expect(ends({ clientId: 'client-2' })).toBe(Date.UTC(2027, 5, 30));
    expect(ends({}, 'new')).toBeNull();
    expect(ends({ clientSecretEnds: '2028-01-02' }, 'new')).toBe(Date.UTC(2028, 0, 2));
    expect(ends({ clientAuthentication: 'none' })).toBeNull();
  });

  it('to another way in which a person agrees keeps the scopes that were set', () => {
    const endpoints = {
      authorizationEndpoint: 'https://login.example.org/authorize',
      deviceEndpoint: 'https://login.example.org/device',
      tokenEndpoint: 'https://login.example.org/token',
    };
    const own = { clientId, scopes: 'mail offline_access' };
    const other = asItWas(OTHER, { ...own, ...endpoints, provider: 'other', flow: 'code' });
    const microsoft = asItWas(MICROSOFT, own);
    const scopesWith = (where: string, before: typeof other, wishes: OAuthWishes, secret?: string) =>
      settings(where, wishes, { before, secret: secret ?? null }).scopes;
    expect(scopesWith(OTHER, other, { flow: 'device' })).toEqual(['mail', 'offline_access']);
    expect(scopesWith(MICROSOFT, microsoft, { flow: 'code' })).toEqual(['mail', 'offline_access']);
    // What Postern asks of a provider that it does not know, only the operator can say.
    expect(scopesWith(OTHER, other, { flow: 'client-credentials' }, SECRET)).toEqual([
      'mail',
      'offline_access',
    ]);
    const byItself = { flow: 'client-credentials', tenant: 'example.com' };
    expect(scopesWith(MICROSOFT, microsoft, byItself, SECRET)).toEqual([
      'https://outlook.office365.com/.default',
    ]);
  });

  it('keeps the secret, replaces it, or takes it away', () => {
    const was = asItWas(GOOGLE, { clientId }, { secret: SECRET });
    expect(input(GOOGLE, { clientId: 'client-2' }, { before: was })).not.toHaveProperty('clientSecret');
    expect(input(GOOGLE, {}, { before: was, secret: 'new' })).toMatchObject({ clientSecret: 'new' });
    const microsoft = asItWas(MICROSOFT, { clientId }, { secret: SECRET });
    expect(input(MICROSOFT, { clientAuthentication: 'none' }, { before: microsoft })).toMatchObject({
      settings: { clientAuthentication: 'none' },
      clientSecret: null,
    });
    // The private key of a service account is no client secret.
    const service = asItWas(GOOGLE, { serviceAccount: SERVICE_ACCOUNT }, { secret: SECRET });
    expect(input(GOOGLE, { flow: 'code', clientId }, { before: service })).toMatchObject({
      kind: 'lacks-secret',
    });
    expect(input(GOOGLE, { flow: 'code' }, { before: service, secret: SECRET })).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('--oauth-client-id'),
    });
  });
});

describe('a consent', () => {
  const person = (wishes: OAuthWishes, user = 'me@example.com') => ({
    oauth: settings(MICROSOFT, { clientId, ...wishes }, { user, secret: SECRET }),
    user,
  });
  it.each<[string, OAuthWishes, string, boolean]>([
    [
      'nothing of importance',
      { clientAuthentication: 'basic', clientSecretEnds: '2027-06-30' },
      'me@example.com',
      false,
    ],
    ['the flow by which a person consents', { flow: 'code' }, 'me@example.com', false],
    ['the client', { clientId: 'client-2' }, 'me@example.com', true],
    ['the tenant', { tenant: 'example.com' }, 'me@example.com', true],
    ['the rights', { scopes: 'other' }, 'me@example.com', true],
    ['the user', {}, 'you@example.com', true],
    ['to no consent at all', { flow: 'client-credentials', tenant: 'example.com' }, 'me@example.com', true],
  ])('after a change of %s', (_, wishes, user, again) => {
    expect(needsAnotherConsent(person({}), person(wishes, user))).toBe(again);
  });
  it('is of no use to a password', () => {
    expect(needsAnotherConsent(person({}), { oauth: null, user: 'me@example.com' })).toBe(true);
    expect(needsAnotherConsent({ oauth: null, user: null }, person({}))).toBe(false);
  });
});
