// What people have consented to, and what only a provider gave out, moves with an export; a consent that is stored and not older
// stays, because its token may have been replaced since the file was written.

import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeclaredBench, news, openDeclaredBench } from './bench.ts';

let bench: DeclaredBench;
let other: DeclaredBench;
beforeEach(async () => {
  [bench, other] = await Promise.all([openDeclaredBench(), openDeclaredBench()]);
});
afterEach(() => Promise.all([bench.close(), other.close()]));

const M365 = `
version: 1
upstreams:
  - name: m365
    url: smtp+starttls://me@contoso.example@smtp.office365.com
    oauth: { client_id: abc, tenant: contoso.example }`;

async function consent(at: DeclaredBench, refreshToken: string): Promise<void> {
  const upstream = at.upstreams.find('m365');
  if (upstream === null) throw new Error('there is no m365');
  await at.consents.keep(upstream.id, { refreshToken, endsAt: at.clock.now() + 90_000 }, () => []);
}

async function tokenAt(at: DeclaredBench): Promise<string | null> {
  const upstream = at.upstreams.find('m365');
  return upstream === null ? null : ((await at.consents.find(upstream.id))?.refreshToken ?? null);
}

describe('a consent', () => {
  it('moves with the secrets, and is known again', async () => {
    await bench.apply(M365);
    await consent(bench, 'refresh 1');
    const file = await bench.export({ withSecrets: true });
    expect(file).toMatch(/^ {6}consent:\n {8}refresh_token: refresh 1\n {8}consented_at: 20/m);
    expect(news(await bench.plan(file))).toEqual([]);
    await other.apply(file);
    expect(await tokenAt(other)).toBe('refresh 1');
    expect(news(await other.plan(file))).toEqual([]);
    expect(await other.export({ withSecrets: true })).toBe(file);
    expect(await other.auditLines()).toContain(
      'upstream.authorized | m365 | by a consent that was given elsewhere',
    );
  });

  it('that was used since stays; one that is newer is taken', async () => {
    await bench.apply(M365);
    await consent(bench, 'refresh 1');
    const old = await bench.export({ withSecrets: true });
    const upstream = bench.upstreams.find('m365');
    const lease = await bench.consents.lease(
      upstream?.id ?? '',
      (await bench.consents.find(upstream?.id ?? ''))?.generation ?? 0,
    );
    if (lease === null || 'kind' in lease) throw new Error('no lease');
    await lease.store({ refreshToken: 'refresh 2', endsAt: null });
    expect(news(await bench.apply(old))).toEqual([]);
    expect(await tokenAt(bench)).toBe('refresh 2');

    bench.clock.move(1000);
    await consent(bench, 'refresh 3');
    const fresh = await bench.export({ withSecrets: true });
    await other.apply(old);
    const { revision } = other.upstreams.find('m365') ?? {};
    expect(news(await other.apply(fresh))).toEqual(['upstream m365: changed (oauth.consent)']);
    expect(await tokenAt(other)).toBe('refresh 3');
    // A running server asks for tokens with the new one.
    expect(other.upstreams.find('m365')?.revision).toBe((revision ?? 0) + 1);
  });

  it('that is for another client ends with it', async () => {
    await bench.apply(M365);
    await consent(bench, 'refresh 1');
    await bench.apply(M365.replace('oauth:', 'per_hour: 10\n    oauth:'));
    expect(await tokenAt(bench)).toBe('refresh 1');
    await bench.apply(M365.replace('abc', 'def'));
    expect(await tokenAt(bench)).toBeNull();
    await consent(bench, 'refresh 4');
    await bench.apply('version: 1\nupstreams: []', { prune: true });
    expect(await bench.database.read('SELECT 1 FROM consent')).toEqual([]);
  });

  it('is not in an export without secrets, which says how to come to one', async () => {
    await bench.apply(M365);
    await consent(bench, 'refresh 1');
    const file = await bench.export();
    expect(file).not.toContain('refresh');
    expect(file).toContain('# consent: ask for it with "postern upstream authorize m365"');
    expect(news(await bench.apply(file, { prune: true }))).toEqual([]);
    expect(await tokenAt(bench)).toBe('refresh 1');
  });
});

describe('the key of a service account', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyFile = JSON.stringify({
    type: 'service_account',
    client_email: 'postern@project.iam.gserviceaccount.com',
    private_key_id: 'key-1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  });
  const sources = { readFile: () => ({ octets: Buffer.from(keyFile) }), environment: {} };
  const declared = (key: string) =>
    `version: 1\nupstreams: [{ name: gws, preset: gmail, user: scans@example.com, oauth: { ${key} } }]`;

  it('comes from its file, stays without it, and moves', async () => {
    await bench.apply(declared('service_account: { file: key.json }'), { sources });
    expect(bench.upstreams.find('gws')?.oauth).toMatchObject({ flow: 'service-account', keyId: 'key-1' });
    expect(news(await bench.plan(declared('service_account: { file: key.json }'), { sources }))).toEqual([]);
    expect(news(await bench.plan(declared('flow: service-account')))).toEqual([]);
    const bare = await bench.export();
    expect(bare).not.toContain('PRIVATE KEY');
    expect(news(await bench.plan(bare, { prune: true }))).toEqual([]);
    const file = await bench.export({ withSecrets: true });
    expect(news(await bench.plan(file, { prune: true }))).toEqual([]);
    await other.apply(file);
    expect(await other.export({ withSecrets: true })).toBe(file);
  });
});
