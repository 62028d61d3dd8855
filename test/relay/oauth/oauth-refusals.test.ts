// What providers answer instead of a token, and what is made of it: whose fault it is, and what the operator is told to do.

import { describe, expect, it } from 'vitest';
import type { UpstreamFault } from '../../../server/queue/outcome.ts';
import { refusalText, tokenFault } from '../../../server/relay/oauth/oauth-refusals.ts';
import type { OAuthSettings } from '../../../server/relay/oauth/oauth-settings.ts';
import type { RefusalPlace } from '../../../server/relay/oauth/refusal-row.ts';
import { troubleOf } from '../../../server/relay/oauth/token-answer.ts';
import type { TokenTrouble } from '../../../server/relay/oauth/token-trouble.ts';

const DAY = 86_400_000;
const SCOPE = 'https://outlook.office.com/SMTP.Send';

const SETTINGS: OAuthSettings = {
  provider: 'other',
  flow: 'device-code',
  clientId: '11111111-2222',
  scopes: [SCOPE, 'offline_access'],
  authorizationEndpoint: 'https://login.example.com/authorize',
  deviceEndpoint: 'https://login.example.com/device',
  tokenEndpoint: 'https://login.example.com/token',
  clientAuthentication: 'none',
  redirectUri: 'http://localhost',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};
const MICROSOFT: Partial<OAuthSettings> = {
  provider: 'microsoft',
  tokenEndpoint: 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token',
};
const GOOGLE: Partial<OAuthSettings> = {
  provider: 'google',
  flow: 'authorization-code',
  clientAuthentication: 'post',
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
};
const SERVICE: Partial<OAuthSettings> = { ...GOOGLE, flow: 'service-account', clientId: 'bot@x.iam.example' };

type Circumstances = Partial<Omit<RefusalPlace, 'settings'>>;

function place(settings: Partial<OAuthSettings>, more: Circumstances = {}): RefusalPlace {
  const base = {
    upstream: 'mail',
    user: 'scans@example.com',
    consenting: null,
    age: 40 * DAY,
    idle: DAY,
  };
  return { ...base, ...more, settings: { ...SETTINGS, ...settings } };
}

/** As it comes over the wire. */
function answered(status: number, body: object | string, retryAfter: string | null = null): TokenTrouble {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return troubleOf(
    { kind: 'answer', status, text, retryAfter },
    { password: 'geheim', tokens: ['0.AXoA-refresh-token-x'] },
  );
}

const aadsts = (number: number, error = 'invalid_grant', words = 'Something happened.') =>
  answered(400, {
    error,
    error_description: `AADSTS${number}: ${words}\r\nTrace ID: 1-2-3\r\nCorrelation ID: 4-5-6\r\nTimestamp: 2026-11-20 10:00:00Z`,
    error_codes: [number],
  });
const google = (error: string, description?: string, subtype?: string) =>
  answered(400, { error, error_description: description, error_subtype: subtype });

type Expected = readonly [what: string, TokenTrouble, RefusalPlace, UpstreamFault['kind'], RegExp];

function table(rows: readonly Expected[]): void {
  it.each(rows)('%s', (_, trouble, where, kind, text) => {
    const fault = tokenFault(trouble, where);
    expect(fault.kind).toBe(kind);
    expect(fault.text).toMatch(text);
    expect(fault.text).toContain(new URL(where.settings.tokenEndpoint).hostname);
    expect(fault.text).toMatch(/^[A-Z0-9a-z].*\.$/s);
    expect(fault.text).not.toMatch(/undefined|null|\[object|\.\.|\s\s/);
  });
}

describe('outages, which pass', () => {
  const silent = (errorCode: string): TokenTrouble => ({ kind: 'silent', errorCode, message: 'x' });
  table([
    ['500', answered(500, ''), place({}), 'unreachable', /out of order \(HTTP 500\)/],
    ['503 with a page', answered(503, '<html>'), place({}), 'unreachable', /out of order \(HTTP 503\)/],
    [
      '500 that speaks OAuth',
      answered(500, { error: 'invalid_grant' }),
      place({}),
      'unreachable',
      /out of order/,
    ],
    ['429', answered(429, {}), place({}), 'unreachable', /less often \(HTTP 429\)/],
    ['a page', answered(200, '<html>'), place({}), 'unreachable', /proxy or login page/],
    ['404', answered(404, 'Not found'), place({}), 'unreachable', /check the token endpoint/],
    ['a redirect', answered(302, ''), place({}), 'unreachable', /sends us elsewhere/],
    [
      'an error of another shape',
      answered(403, { error: { code: 403 } }),
      place({}),
      'unreachable',
      /incomplete/,
    ],
    ['an unknown error', answered(400, { error: 'whatever' }), place({}), 'unreachable', /does not know/],
    [
      'temporarily_unavailable',
      answered(400, { error: 'temporarily_unavailable' }),
      place({}),
      'unreachable',
      /tried again/,
    ],
    ['no such name', silent('ENOTFOUND'), place({}), 'unreachable', /does not exist or cannot be looked up/],
    ['no DNS', silent('EAI_AGAIN'), place({}), 'unreachable', /cannot be looked up just now/],
    ['no way', silent('ECONNREFUSED'), place({}), 'unreachable', /no way/],
    ['no answer', silent('ETIMEDOUT'), place({}), 'unreachable', /did not answer in time/],
    ['cut off', silent('ECONNRESET'), place({}), 'unreachable', /broke the connection \(ECONNRESET\)/],
    [
      'an untrusted certificate',
      silent('SELF_SIGNED_CERT_IN_CHAIN'),
      place({}),
      'tls',
      /NODE_EXTRA_CA_CERTS/,
    ],
    ['an expired certificate', silent('CERT_HAS_EXPIRED'), place({}), 'tls', /clock is right/],
    [
      'Microsoft, busy',
      aadsts(90033, 'temporarily_unavailable'),
      place(MICROSOFT),
      'unreachable',
      /just now/,
    ],
  ]);

  it('are waited for as long as the server says, but for half a minute at least', () => {
    expect(tokenFault(answered(503, '', '120'), place({})).wait).toBe(120_000);
    expect(tokenFault(answered(429, '', '0'), place({})).wait).toBe(30_000);
    expect(tokenFault(answered(503, '', 'Fri, 20 Nov 2026 10:00:00 GMT'), place({})).wait).toBeUndefined();
  });
});

describe('errors of OAuth2', () => {
  const error = (name: string) => answered(400, { error: name });
  const authorize = /`postern upstream authorize mail`/;
  table([
    ['invalid_grant', error('invalid_grant'), place({}), 'consent', authorize],
    ['interaction_required', error('interaction_required'), place({}), 'consent', authorize],
    [
      'invalid_client',
      answered(401, { error: 'invalid_client' }),
      place({}),
      'credentials',
      /needs a secret/,
    ],
    [
      'invalid_client with one',
      error('invalid_client'),
      place({ clientAuthentication: 'post' }),
      'credentials',
      /secret is wrong/,
    ],
    ['unauthorized_client', error('unauthorized_client'), place({}), 'credentials', /may not do this/],
    ['invalid_scope', error('invalid_scope'), place({}), 'credentials', /SMTP\.Send.*--oauth-scope/],
    ['unsupported_grant_type', error('unsupported_grant_type'), place({}), 'credentials', /--oauth-flow/],
    ['invalid_request', error('invalid_request'), place({}), 'credentials', /does not fit/],
    [
      'invalid_grant without a person',
      error('invalid_grant'),
      place({ flow: 'client-credentials' }),
      'credentials',
      /./,
    ],
    ['in a 200 (Zoho)', answered(200, { error: 'invalid_client' }), place({}), 'credentials', /client ID/],
  ]);
});

describe("Google's refusals", () => {
  const expired = google('invalid_grant', 'Token has been expired or revoked.');
  table([
    [
      'an app in testing, after its week',
      expired,
      place({ ...GOOGLE, testing: true }, { age: 7 * DAY }),
      'consent',
      /seven days.*"Testing".*Publish app/,
    ],
    ['a week old, so probably the same', expired, place(GOOGLE, { age: 7.2 * DAY }), 'consent', /seven days/],
    [
      'older: password, withdrawn, too many',
      expired,
      place(GOOGLE),
      'consent',
      /password of the account was changed.*100 consents/,
    ],
    [
      'six months unused',
      expired,
      place(GOOGLE, { age: 300 * DAY, idle: 190 * DAY }),
      'consent',
      /six months/,
    ],
    [
      'session control',
      google('invalid_grant', 'reauth related error (invalid_rapt)', 'invalid_rapt'),
      place(GOOGLE),
      'consent',
      /sign in again after some hours/,
    ],
    [
      'an account that is gone',
      google('invalid_grant', 'Account has been deleted'),
      place(GOOGLE),
      'consent',
      /disabled or deleted/,
    ],
    [
      'a client that is gone',
      answered(401, { error: 'deleted_client' }),
      place(GOOGLE),
      'credentials',
      /deleted or disabled.*Desktop app/,
    ],
    [
      'no secret',
      google('invalid_request', 'client_secret is missing.'),
      place(GOOGLE),
      'credentials',
      /"Desktop app" have one/,
    ],
    [
      'a wrong secret, in one word',
      answered(401, { error: 'invalid_client', error_description: 'Unauthorized' }),
      place(GOOGLE),
      'credentials',
      /does not take the client's secret/,
    ],
    [
      'a wrong secret',
      google('invalid_client', 'The provided client secret is invalid.'),
      place(GOOGLE),
      'credentials',
      /--oauth-client-secret-prompt/,
    ],
    [
      'an administrator who does not allow it',
      google('admin_policy_enforced'),
      place(GOOGLE),
      'credentials',
      /trust the client ID/,
    ],
    ['an internal app', google('org_internal'), place(GOOGLE), 'consent', /its own Workspace only/],
    [
      'no test user',
      google('access_denied', 'has not completed the Google verification process'),
      place(GOOGLE, { consenting: 'authorization-code' }),
      'consent',
      /test users/,
    ],
    ['a browser in an app', google('disallowed_useragent'), place(GOOGLE), 'consent', /ordinary browser/],
    [
      'a redirect that is not registered',
      google('redirect_uri_mismatch'),
      place(GOOGLE, { consenting: 'authorization-code' }),
      'credentials',
      /type "Desktop app"/,
    ],
    [
      'a service account without delegation',
      google('unauthorized_client', 'Client is unauthorized to retrieve access tokens using this method'),
      place(SERVICE),
      'credentials',
      /Domain-wide delegation/,
    ],
    [
      'a service account for nobody',
      google('invalid_grant', 'Invalid email or User ID'),
      place(SERVICE),
      'credentials',
      /no user scans@example\.com/,
    ],
    [
      'a service account with a deleted key',
      google('invalid_grant', 'Invalid JWT Signature.'),
      place(SERVICE),
      'credentials',
      /new JSON key/,
    ],
    [
      'a service account at a wrong time',
      google('invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes)'),
      place(SERVICE),
      'credentials',
      /clock of this machine/,
    ],
  ]);
});

describe("Microsoft's refusals", () => {
  const microsoft = place(MICROSOFT);
  const daemon = place({ ...MICROSOFT, flow: 'client-credentials', clientAuthentication: 'post' });
  table([
    ['90 days unused', aadsts(700082), microsoft, 'consent', /90 days/],
    ['password changed', aadsts(50173), microsoft, 'consent', /password was changed/],
    ['sign-in frequency', aadsts(70043), microsoft, 'consent', /sign-in frequency/],
    ['revoked', aadsts(70008), microsoft, 'consent', /withdrew it/],
    ['no consent', aadsts(65001), microsoft, 'consent', /Nobody has consented/],
    ['no consent of an administrator', aadsts(65001), daemon, 'credentials', /Grant admin consent/],
    ['administrators only', aadsts(90094), microsoft, 'consent', /only an administrator may consent/],
    ['conditional access', aadsts(53003), microsoft, 'consent', /conditional access.*--flow code/],
    [
      'conditional access, by browser',
      aadsts(53003),
      place({ ...MICROSOFT, flow: 'authorization-code' }),
      'consent',
      /Sign-in logs" in the Entra admin centre name the policy; the administrator must exempt this mailbox or app\. Auth/,
    ],
    ['confirmation', aadsts(50199), microsoft, 'consent', /confirm this sign-in.*--flow code/],
    ['a second factor', aadsts(50076), microsoft, 'consent', /second factor/],
    ['a second factor to be set up', aadsts(50079), microsoft, 'consent', /second factor/],
    ['a wrong password', aadsts(50126), microsoft, 'consent', /typed at Microsoft is wrong/],
    [
      'a foreign account',
      aadsts(50020),
      microsoft,
      'consent',
      /does not belong to the tenant contoso\.example.*scans@example\.com/,
    ],
    ['an unknown guest', aadsts(90072), microsoft, 'consent', /does not belong/],
    ['locked', aadsts(50053), microsoft, 'credentials', /locked/],
    ['disabled', aadsts(50057), microsoft, 'credentials', /disabled/],
    ['not assigned', aadsts(50105), microsoft, 'credentials', /Assignment required/],
    [
      'secret expired',
      aadsts(7000222, 'invalid_client'),
      daemon,
      'credentials',
      /secret has expired.*--oauth-client-secret-ends/,
    ],
    ['secret wrong', aadsts(7000215, 'invalid_client'), daemon, 'credentials', /value of the secret/],
    [
      'no public client',
      aadsts(7000218, 'invalid_client'),
      microsoft,
      'credentials',
      /Allow public client flows/,
    ],
    [
      'no secret wanted',
      aadsts(700025, 'invalid_client'),
      microsoft,
      'credentials',
      /--oauth-client-authentication none/,
    ],
    [
      'a page of one page',
      aadsts(9002327, 'invalid_request'),
      microsoft,
      'credentials',
      /single-page application/,
    ],
    [
      'a redirect that is not registered',
      aadsts(50011, 'invalid_request'),
      microsoft,
      'credentials',
      /http:\/\/localhost is not registered/,
    ],
    [
      'unknown app',
      aadsts(700016, 'unauthorized_client'),
      microsoft,
      'credentials',
      /does not know the client ID 11111111-2222/,
    ],
    [
      'unknown tenant',
      aadsts(90002, 'invalid_request'),
      microsoft,
      'credentials',
      /no tenant contoso\.example/,
    ],
    [
      'an app of one tenant',
      aadsts(50194, 'invalid_request'),
      microsoft,
      'credentials',
      /--oauth-tenant TENANT/,
    ],
    [
      'an app for persons',
      aadsts(9002331, 'invalid_request'),
      microsoft,
      'credentials',
      /--oauth-tenant consumers/,
    ],
    ['no Exchange Online', aadsts(500011, 'invalid_resource'), microsoft, 'credentials', /Exchange Online/],
    ['no subscription', aadsts(650052, 'invalid_client'), microsoft, 'credentials', /licence/],
    ['a wrong scope', aadsts(70011, 'invalid_scope'), daemon, 'credentials', /end.* with \/\.default/],
    [
      'a number that we do not know',
      aadsts(123456),
      microsoft,
      'consent',
      /does not take the consent any more/,
    ],
  ]);

  it('are quoted without ids that only Microsoft can use', () => {
    const { reply } = tokenFault(
      aadsts(700082, 'invalid_grant', 'The refresh token has expired.'),
      microsoft,
    );
    expect(reply).toBe('invalid_grant: AADSTS700082: The refresh token has expired.');
  });
});

describe('while somebody consents', () => {
  it.each([
    ['an outage', answered(502, '<html>')],
    ['"too often"', answered(429, {})],
    ['"not now"', answered(400, { error: 'temporarily_unavailable' })],
    ['a broken connection', { kind: 'silent', errorCode: null, message: 'x' } as const],
    ['what nobody knows', answered(400, { error: 'whatever' })],
  ])('%s is tried again by the person alone', (_, trouble) => {
    const text = refusalText(trouble, place({}, { consenting: 'authorization-code' }));
    expect(text).not.toContain('tried again');
    expect(text).toContain('Start again with `postern upstream authorize mail`.');
    expect(refusalText(trouble, place({}))).toContain('It is tried again.');
  });

  const consenting = { consenting: 'device-code', age: null, idle: null } as const;
  const said = (error: string, settings: Partial<OAuthSettings> = {}) =>
    refusalText(answered(400, { error }), place(settings, consenting));

  it('a refusal says so, and how to begin again', () => {
    expect(said('access_denied')).toMatch(/consent was refused.*Start again.*It said: access_denied/);
    expect(said('authorization_declined', MICROSOFT)).toMatch(/blocked by policy.*--flow code/);
    expect(said('expired_token', MICROSOFT)).toMatch(/ended before anybody consented.*--flow code/);
    expect(said('invalid_grant')).toMatch(/of no use any more/);
  });
});

describe('what a server says', () => {
  it('is one line, cut, and without what we sent', () => {
    const description = `token 0.AXoA-refresh-token-x\nof "geheim" ${'x'.repeat(500)}`;
    const { reply } = tokenFault(
      answered(400, { error: 'invalid_grant', error_description: description }),
      place({}),
    );
    expect(reply).toMatch(/^invalid_grant: token \*\*\* of "\*\*\*" x+…$/);
    expect(reply?.length).toBeLessThanOrEqual(300);
  });

  it('is read at once, however much of nothing is in it', () => {
    const description = `${' '.repeat(60_000)}x`;
    const trouble = answered(400, { error: 'invalid_grant', error_description: description });
    expect(tokenFault(trouble, place({})).reply).toBe('invalid_grant: x');
  });

  it('never begins like a reply of SMTP, whose first figure has a meaning', () => {
    for (const trouble of [answered(400, { error: 'invalid_client' }), answered(404, '')]) {
      expect(tokenFault(trouble, place({})).reply ?? '').not.toMatch(/^\d/);
    }
  });
});
