// The OAuth server of the tests itself: that it consents, refuses, replaces and revokes as the tests rely on.

import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MAILBOX,
  OAUTH_CLIENTS,
  type OAuthServer,
  SCOPE,
  startOAuthServer,
} from '../../support/oauth-server.ts';

const REDIRECT = 'http://127.0.0.1:4711';
const VERIFIER = 'v'.repeat(43);
let server: OAuthServer;

afterEach(() => server.stop());

async function post(url: string, form: Readonly<Record<string, string>>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  const body: Readonly<Record<string, unknown>> = JSON.parse(await response.text());
  return { status: response.status, body };
}

function consentUrl(): string {
  const challenge = createHash('sha256').update(VERIFIER).digest('base64url');
  return `${server.endpoints.authorization}?${new URLSearchParams({
    client_id: 'postern',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: `${SCOPE} offline_access`,
    prompt: 'consent',
    state: 'abc',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })}`;
}

async function consent() {
  const answer = new URL(await server.approveCode(consentUrl()));
  return post(server.endpoints.token, {
    grant_type: 'authorization_code',
    client_id: 'postern',
    code: answer.searchParams.get('code') ?? '',
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
  });
}

const refresh = (token: unknown) =>
  post(server.endpoints.token, {
    grant_type: 'refresh_token',
    client_id: 'postern',
    refresh_token: String(token),
  });

describe("the tests' OAuth server", () => {
  it('gives tokens for a code, replaces refresh tokens, and ends all where one is used twice', async () => {
    server = await startOAuthServer({ lives: { refreshTokenSaid: 604_800 } });
    const first = await consent();
    expect(first).toMatchObject({
      status: 200,
      body: { expires_in: 3600, refresh_token_expires_in: 604_800 },
    });
    expect(await server.mailboxOf(String(first.body['access_token']))).toBe(MAILBOX);
    const second = await refresh(first.body['refresh_token']);
    expect(second.status).toBe(200);
    expect(second.body['refresh_token']).not.toBe(first.body['refresh_token']);
    expect(await refresh(first.body['refresh_token'])).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(await refresh(second.body['refresh_token'])).toMatchObject({ status: 400 });
    expect(await server.mailboxOf(String(second.body['access_token']))).toBe(null);
    expect(server.answered().map(({ status }) => status)).toEqual([200, 200, 400, 400]);
  });

  it('sends the browser back with an error where the person refuses', async () => {
    server = await startOAuthServer();
    const answer = new URL(await server.refuseCode(consentUrl()));
    expect(answer.searchParams.get('error')).toBe('access_denied');
    expect(answer.origin).toBe(REDIRECT);
  });

  it('gives tokens for a device code once the person has approved', async () => {
    server = await startOAuthServer();
    const begin = await post(server.endpoints.device, { client_id: 'postern', scope: SCOPE });
    const ask = () =>
      post(server.endpoints.token, {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'postern',
        device_code: String(begin.body['device_code']),
      });
    expect(await ask()).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    await server.approveDevice(String(begin.body['user_code']));
    expect(await ask()).toMatchObject({ status: 200, body: { token_type: 'Bearer' } });
  });

  it('introspects as Dovecot asks, until the consent is revoked', async () => {
    server = await startOAuthServer();
    const token = String((await consent()).body['access_token']);
    const byPost = () => post(server.endpoints.introspection, { token });
    const byGet = async () => {
      const response = await fetch(server.endpoints.introspection, {
        headers: { authorization: `Bearer ${token}` },
      });
      return response.json();
    };
    expect((await byPost()).body).toMatchObject({ active: true, username: MAILBOX });
    expect(await byGet()).toMatchObject({ active: true, username: MAILBOX });
    server.revokeConsents();
    expect((await byPost()).body).toEqual({ active: false });
    expect(await byGet()).toEqual({ active: false });
  });

  it('gives tokens to daemons and service accounts', async () => {
    server = await startOAuthServer();
    const { id, secret } = OAUTH_CLIENTS.daemon;
    const form = { grant_type: 'client_credentials', client_id: id, client_secret: secret, scope: SCOPE };
    const daemon = await post(server.endpoints.token, form);
    expect(await server.mailboxOf(String(daemon.body['access_token']))).toBe(MAILBOX);
    const wrong = await post(server.endpoints.serviceAccountToken, {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: 'a.b.c',
    });
    expect(wrong).toMatchObject({ status: 400, body: { error_description: 'Invalid JWT Signature.' } });
  });

  it('fails in the ways that are asked for', async () => {
    server = await startOAuthServer();
    server.answerNext({ kind: 'answer', status: 503, body: '<html>', type: 'text/html' }, { kind: 'cut' });
    expect((await fetch(server.endpoints.token, { method: 'POST' })).status).toBe(503);
    await expect(fetch(server.endpoints.token, { method: 'POST' })).rejects.toThrow();
    expect((await refresh('unknown')).status).toBe(400);
    expect(server.tokenRequests()).toBe(3);
  });
});
