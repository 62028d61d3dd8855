// What an export looks like (test/golden/export.yaml, write it anew with -u), what is never in it, and what it warns of.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { type DeclaredBench, news, openDeclaredBench } from './bench.ts';

const SECRETS = {
  password: 'canary-upstream-password',
  client: 'canary-client-secret',
  account: 'canary-account-password',
  hook: 'canary-hook-path',
  signing: 'canary-signing-secret',
  token: 'tk_canary_token',
  refresh: 'canary-refresh-token',
};

let bench: DeclaredBench;
let folder: string;
beforeAll(async () => {
  bench = await openDeclaredBench();
  folder = makeScratch('export');
  const { certificate } = await makeCertificate(folder);
  await bench.apply(JSON.stringify(declared(readFileSync(certificate, 'utf8'))));
  const m365 = bench.upstreams.find('m365');
  await bench.consents.keep(m365?.id ?? '', { refreshToken: SECRETS.refresh, endsAt: null }, () => []);
});
afterAll(async () => {
  await bench.close();
  removeScratch(folder);
});

function declared(ca: string) {
  return {
    version: 1,
    upstreams: [
      {
        name: 'gmail',
        preset: 'gmail',
        user: 'me@gmail.com',
        password: SECRETS.password,
        per_day: 'none',
        default: true,
      },
      { name: 'relay', url: 'smtps://relay.example', ca, max_size: '25M', paused: true },
      {
        name: 'm365',
        url: 'smtp+starttls://me@contoso.example@smtp.office365.com',
        oauth: {
          client_id: 'abc',
          client_secret: SECRETS.client,
          tenant: 'contoso.example',
          client_secret_ends: '2031-06-30',
        },
        sender: 'scan+{account}@contoso.example',
        rewrite: 'if-not-permitted',
      },
      {
        name: 'own',
        url: 'smtp+starttls://me@own.example@smtp.own.example',
        oauth: {
          provider: 'other',
          client_id: 'postern',
          flow: 'device-code',
          device_endpoint: 'https://login.own.example/device',
          token_endpoint: 'https://login.own.example/token',
          scopes: ['smtp', 'offline_access'],
        },
      },
      {
        name: 'ses',
        preset: 'ses-api',
        region: 'eu-central-1',
        user: 'AKIA0123456789ABCDEF',
        password: SECRETS.password,
      },
    ],
    accounts: [
      {
        name: 'scanner',
        password: SECRETS.account,
        aliases: ['scan2'],
        senders: ['@example.com'],
        networks: ['192.168.1.0/24'],
        per_hour: 20,
        message_size: '10M',
        queue_share: '20%',
        expires: '2031-01-01',
        owner: 'anna@example.com',
        note: '2nd floor: "the grey one"\nbeside the plant',
      },
      { name: '4711', password: SECRETS.account, enabled: false, other_senders: 'allow' },
    ],
    routes: [
      { name: 'big', larger_than: '10M', upstreams: ['relay', 'm365'] },
      { name: 'reports', senders: ['<>'], accounts: ['scanner'], upstreams: ['gmail'] },
    ],
    recipients: [
      { pattern: 'root', forward_path: 'me@example.com' },
      { pattern: '*@localdomain', forward_path: 'me@example.com' },
    ],
    alert_channels: [
      {
        name: 'hook',
        kind: 'webhook',
        url: `https://example.net/${SECRETS.hook}`,
        secret: SECRETS.signing,
        detail: 'full',
      },
      { name: 'push', kind: 'ntfy', url: `https://ntfy.sh/${SECRETS.hook}`, token: SECRETS.token },
      { name: 'mail', kind: 'email', to: 'me@example.com', from: 'postern@example.com' },
    ],
  };
}

describe('an export', () => {
  it('looks like this, without secrets', async () => {
    const text = (await bench.export()).replace(/-----BEGIN[\s\S]*?-----END/, '-----BEGIN …-----END');
    await expect(text).toMatchFileSnapshot('../golden/export.yaml');
  });
  it('has no secret in it unless that is asked for, then all of them', async () => {
    const [bare, full] = [await bench.export(), await bench.export({ withSecrets: true })];
    for (const [what, secret] of Object.entries(SECRETS)) {
      expect(bare, what).not.toContain(secret);
      if (what !== 'account') expect(full, what).toContain(secret);
    }
    expect(bare).not.toContain('$argon2');
    expect(full).not.toContain(SECRETS.account);
    expect(full.match(/password_hash: \$argon2id\$/g)).toHaveLength(2);
    expect(news(await bench.plan(bare, { prune: true }))).toEqual([]);
    expect(news(await bench.plan(full, { prune: true }))).toEqual([]);
  });
  it('with secrets is in the audit, without it is not', async () => {
    const count = async () => (await bench.auditLines()).filter(line => line === 'secrets.exported').length;
    const before = await count();
    await bench.export();
    expect(await count()).toBe(before);
    await bench.export({ withSecrets: true });
    expect(await count()).toBe(before + 1);
  });
  it('is empty where there is nothing', async () => {
    const empty = await openDeclaredBench();
    expect(await empty.export()).toMatch(
      /\nversion: 1\nupstreams: \[\]\naccounts: \[\]\nroutes: \[\]\nrecipients: \[\]\nalert_channels: \[\]\n$/,
    );
    await empty.close();
  });
});

it('says that a route names what is not there', async () => {
  const at = await openDeclaredBench();
  await at.apply(
    'version: 1\nupstreams: [{ name: a, url: smtps://a.example }, { name: b, url: smtps://b.example }]\nroutes: [{ name: r, upstreams: [a, b] }]',
  );
  await at.upstreams.remove('b');
  const exported = await at.declared.export({ withSecrets: false });
  expect(exported).toMatchObject({
    warnings: [
      'Applied elsewhere, the export is refused: routes[0].upstreams: No upstream is called "b": there are these: a.',
    ],
  });
  await at.close();
});
