// Consents against a real OAuth server: by code in a browser, by device code, and in the client's own right; what goes wrong
// with each, and what is stored of it.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CodeConsent, DeviceConsent } from '../../../server/relay/oauth/authorizer.ts';
import { MAILBOX, OAUTH_CLIENTS } from '../../support/oauth-server.ts';
import { makeOAuthWorld, NAME, type OAuthProcess, type OAuthWorld, settingsFor } from './oauth-world.ts';

async function begin(process: OAuthProcess): Promise<CodeConsent> {
  const consent = await process.authorizer.beginCode(process.upstream(), 4711);
  if (consent.kind === 'refused') throw new Error(consent.text);
  return consent;
}

async function beginDevice(process: OAuthProcess): Promise<DeviceConsent> {
  const consent = await process.authorizer.beginDevice(process.upstream());
  if (consent.kind === 'refused') throw new Error(consent.text);
  return consent;
}

async function mailboxOf({ server }: OAuthWorld, { tokens, upstream }: OAuthProcess): Promise<string | null> {
  const result = await tokens.tokenFor(upstream());
  return result.kind === 'token' ? server.mailboxOf(result.token) : result.fault.text;
}

const NEVER = new AbortController().signal;

describe('a consent by code', () => {
  it('asks with PKCE and state, and brings a token for the mailbox', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    const consent = await begin(process);
    const asked = new URL(consent.url).searchParams;
    expect(consent.redirectUri).toBe('http://127.0.0.1:4711');
    expect(Object.fromEntries(asked)).toMatchObject({
      code_challenge_method: 'S256',
      redirect_uri: 'http://127.0.0.1:4711',
      scope: 'mail offline_access',
      prompt: 'consent',
    });
    expect(asked.get('state')?.length).toBeGreaterThan(20);
    const result = await consent.finish(await world.server.approveCode(consent.url));
    expect(result).toMatchObject({ kind: 'authorized', endsAt: null });
    expect(await mailboxOf(world, process)).toBe(MAILBOX);
  });

  it('is one commit with the next revision of the upstream, which clears its fault, and with the audit', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    const { revision } = await world.add(process);
    const fault = { kind: 'consent', text: 'gone', since: 1, nextProbeAt: null } as const;
    await process.upstreams.recordFault(process.upstream(), fault);
    expect(process.upstream().fault?.kind).toBe('consent');
    await world.consent(process);
    expect(process.upstream()).toMatchObject({ revision: revision + 1, fault: null });
    const [entry] = await process.database.read("SELECT * FROM audit WHERE action = 'upstream.authorized'");
    expect(entry).toMatchObject({ object: NAME, actor: 'operator:anna' });
  });

  it('takes the address as a terminal breaks it', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    const consent = await begin(process);
    const answer = await world.server.approveCode(consent.url);
    const pasted = `  "${answer.slice(7, 40)}\n   ${answer.slice(40)}" \n`;
    expect(consent.isAnswer(pasted)).toBe(true);
    expect(await consent.finish(pasted)).toMatchObject({ kind: 'authorized' });
  });

  it('says what is wrong with an answer, and stores nothing', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    const [first, second] = [await begin(process), await begin(process)];
    const answer = await world.server.approveCode(first.url);
    const refusals: Record<string, string> = {};
    const refusedAs = async (what: string, finishing: ReturnType<CodeConsent['finish']>) => {
      const result = await finishing;
      refusals[what] = result.kind === 'refused' ? result.text : 'authorized';
    };
    await refusedAs('another attempt', second.finish(answer));
    await refusedAs('cut off', first.finish(answer.replace(/&?state=[^&]*/, '')));
    await refusedAs('something else', first.finish('http://127.0.0.1:4711/'));
    await refusedAs(
      'another provider',
      first.finish(answer.replace(/iss=[^&]*/, 'iss=https%3A%2F%2Fevil.example')),
    );
    await refusedAs('refused', second.finish(await world.server.refuseCode(second.url)));
    expect(refusals).toEqual({
      'another attempt': expect.stringMatching(
        /belongs to another attempt.*postern upstream authorize provider/,
      ),
      'cut off': expect.stringMatching(/not complete/),
      'something else': expect.stringMatching(/begins with http:\/\/127\.0\.0\.1:4711/),
      'another provider': expect.stringMatching(/another provider/),
      refused: expect.stringMatching(/The consent was refused.*access_denied/),
    });
    expect(await process.authorizer.consentOf(process.upstream())).toBeNull();
    // The code was never used up by all that.
    expect(await first.finish(answer)).toMatchObject({ kind: 'authorized' });
    expect(await first.finish(answer)).toMatchObject({
      kind: 'refused',
      text: expect.stringMatching(/of no use any more/),
    });
  });

  it('refuses a code that has expired', async () => {
    const world = await makeOAuthWorld({ lives: { authorizationCode: 1 } });
    const process = await world.open();
    await world.add(process);
    const consent = await begin(process);
    const answer = await world.server.approveCode(consent.url);
    await sleep(1200);
    const result = await consent.finish(answer);
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringMatching(/lives for a few minutes/) });
  });

  it.each(['post', 'basic'] as const)('proves the client with its secret by %s', async how => {
    const { id, secret } = OAUTH_CLIENTS[how];
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process, { clientId: id, clientAuthentication: how }, secret);
    await world.consent(process);
    expect(await mailboxOf(world, process)).toBe(MAILBOX);
  });

  it('says that the secret is wrong, without saying it', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(
      process,
      { clientId: OAUTH_CLIENTS.post.id, clientAuthentication: 'post' },
      'wrong-Secret-1',
    );
    const consent = await begin(process);
    const result = await consent.finish(await world.server.approveCode(consent.url));
    if (result.kind !== 'refused') throw new Error('taken');
    expect(result.text).toMatch(/its secret is wrong.*--oauth-client-secret-prompt/);
    expect(result.text).not.toContain('wrong-Secret');
  });

  it('is not stored where the upstream was changed meanwhile', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    const consent = await begin(process);
    const other = { ...settingsFor(world.server), clientId: 'another' };
    await (await world.open()).upstreams.set(NAME, { oauth: other });
    const result = await consent.finish(await world.server.approveCode(consent.url));
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringMatching(/changed or removed/) });
    expect(await process.authorizer.consentOf(process.upstream())).toBeNull();
  });

  it('knows its end where the provider says it, or the app is in testing', async () => {
    const world = await makeOAuthWorld({ lives: { refreshTokenSaid: 3600 } });
    const process = await world.open();
    await world.add(process);
    const before = world.clock.now();
    await world.consent(process);
    const said = await process.authorizer.consentOf(process.upstream());
    expect(Math.abs((said?.endsAt ?? 0) - before - 3_600_000)).toBeLessThan(60_000);
    world.server.setLives({ refreshTokenSaid: null });
    await process.upstreams.set(NAME, { oauth: { ...settingsFor(world.server), testing: true } });
    await world.consent(process);
    const testing = await process.authorizer.consentOf(process.upstream());
    expect(testing?.endsAt).toBe((testing?.consentedAt ?? 0) + 7 * 86_400_000);
  });
});

describe('a consent by device code', () => {
  it('waits until the person has typed the code, also through an outage', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process, { flow: 'device-code' });
    const consent = await beginDevice(process);
    expect(consent).toMatchObject({ address: `${world.server.issuer}/device`, lifetime: 600_000 });
    expect(consent.addressWithCode).toContain(consent.userCode);
    world.server.answerNext({ kind: 'answer', status: 503, body: '<html>', type: 'text/html' });
    const waiting = consent.wait(NEVER);
    await world.server.approveDevice(consent.userCode);
    expect(await waiting).toMatchObject({ kind: 'authorized' });
    expect(await mailboxOf(world, process)).toBe(MAILBOX);
  });

  it.each([
    ['refuses', /The consent was refused/],
    ['lets the code end', /ended before anybody consented/],
  ])('says so where the person %s', async (what, text) => {
    const world = await makeOAuthWorld(what === 'refuses' ? {} : { lives: { deviceCode: 1 } });
    const process = await world.open();
    await world.add(process, { flow: 'device-code' });
    const consent = await beginDevice(process);
    if (what === 'refuses') await world.server.refuseDevice(consent.userCode);
    else await sleep(1500);
    expect(await consent.wait(NEVER)).toMatchObject({ kind: 'refused', text: expect.stringMatching(text) });
  });

  it('stops when told, and stores nothing', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process, { flow: 'device-code' });
    const consent = await beginDevice(process);
    const stop = new AbortController();
    const waiting = consent.wait(stop.signal);
    stop.abort();
    expect(await waiting).toMatchObject({ kind: 'refused' });
    expect(await process.authorizer.consentOf(process.upstream())).toBeNull();
  });

  it('is not offered where there is no device endpoint', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process, { deviceEndpoint: null });
    expect(await process.authorizer.beginDevice(process.upstream())).toMatchObject({
      text: expect.stringMatching(/--flow code/),
    });
  });
});

describe("in the client's own right", () => {
  it('client credentials bring a token', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    const { id, secret } = OAUTH_CLIENTS.daemon;
    const daemon = { flow: 'client-credentials', clientId: id, scopes: ['mail'] } as const;
    await world.add(process, { ...daemon, clientAuthentication: 'post' }, secret);
    expect(await process.authorizer.tryClient(process.upstream())).toMatchObject({ kind: 'authorized' });
    expect(await mailboxOf(world, process)).toBe(MAILBOX);
    await process.upstreams.set(NAME, { clientSecret: 'another-Secret' });
    const refused = await process.authorizer.tryClient(process.upstream());
    expect(refused).toMatchObject({ kind: 'refused', text: expect.stringMatching(/secret is wrong/) });
  });

  it('a service account signs for its mailbox', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    const { clientEmail, keyId, privateKey } = await world.server.serviceAccount();
    const account = { provider: 'google', flow: 'service-account', clientId: clientEmail } as const;
    const tokenEndpoint = world.server.endpoints.serviceAccountToken;
    await world.add(process, { ...account, tokenEndpoint, keyId, scopes: ['mail'] }, privateKey);
    expect(await process.authorizer.tryClient(process.upstream())).toMatchObject({ kind: 'authorized' });
    expect(await mailboxOf(world, process)).toBe(MAILBOX);
    await process.upstreams.set(NAME, { url: 'smtp+starttls://else@example.com@smtp.example.com:587' });
    expect(await process.tokens.tokenFor(process.upstream())).toMatchObject({
      fault: { kind: 'credentials', text: expect.stringMatching(/no user else@example\.com/) },
    });
    await process.upstreams.set(NAME, { clientSecret: 'no key at all' });
    expect(await process.tokens.tokenFor(process.upstream())).toMatchObject({
      fault: { kind: 'credentials', text: expect.stringMatching(/--oauth-service-account-file/) },
    });
  });
});

describe('the consent of a draft', () => {
  it('is in memory until its upstream is stored, and then with it', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    const url = `smtp+starttls://${MAILBOX}@smtp.example.com:587`;
    const drafted = process.upstreams.draft({ name: NAME, url, oauth: settingsFor(world.server) });
    if (drafted.kind === 'refused') throw new Error(drafted.text);
    const { upstream } = drafted;
    const consent = await process.authorizer.beginCode(upstream, 4711);
    if (consent.kind === 'refused') throw new Error(consent.text);
    const result = await consent.finish(await world.server.approveCode(consent.url));
    expect(result).toMatchObject({ kind: 'authorized', upstream: { id: upstream.id } });
    const rows = () => process.database.read('SELECT upstream_id FROM consent');
    expect(await process.tokens.tokenFor(upstream)).toMatchObject({ kind: 'token' });
    expect(await rows()).toEqual([]);
    expect(await process.upstreams.keep(upstream)).toMatchObject({ kind: 'done' });
    expect(await rows()).toEqual([{ upstream_id: upstream.id }]);
    const other = await world.open();
    expect(await mailboxOf(world, other)).toBe(MAILBOX);
  });

  it('is gone where the draft is given up', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    const before = await world.add(process);
    await world.consent(process);
    const other = {
      ...settingsFor(world.server),
      clientId: OAUTH_CLIENTS.post.id,
      clientAuthentication: 'post',
    } as const;
    const drafted = process.upstreams.redraft(NAME, {
      oauth: other,
      clientSecret: OAUTH_CLIENTS.post.secret,
    });
    if (drafted.kind === 'refused') throw new Error(drafted.text);
    const consent = await process.authorizer.beginCode(drafted.upstream, 4711);
    if (consent.kind === 'refused') throw new Error(consent.text);
    await consent.finish(await world.server.approveCode(consent.url));
    await process.authorizer.forget(drafted.upstream);
    expect(process.upstream().oauth).toEqual(before.oauth);
    expect(await mailboxOf(world, await world.open())).toBe(MAILBOX);
  });
});

describe('a consent', () => {
  it('goes with its upstream, and with the client that it was given to', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    const rows = () => process.database.read('SELECT upstream_id FROM consent');
    await world.consent(process);
    await process.upstreams.set(NAME, { connections: 1 });
    expect(await rows()).toHaveLength(1);
    await process.upstreams.set(NAME, { oauth: { ...settingsFor(world.server), clientId: 'another' } });
    expect(await rows()).toEqual([]);
    await process.upstreams.set(NAME, { oauth: settingsFor(world.server) });
    await world.consent(process);
    await process.upstreams.remove(NAME);
    expect(await rows()).toEqual([]);
  });
});
