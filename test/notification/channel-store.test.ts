// Channels as the operator configures them: what is accepted, what is sealed, what another process changes.

import { describe, expect, it } from 'vitest';
import { auditStatement } from '../../server/audit/audit.ts';
import { listAudit } from '../../server/audit/audit-list.ts';
import { systemRandom } from '../../server/ids.ts';
import { parseSettings, shownTarget, writeSettings } from '../../server/notification/channel.ts';
import type { ChannelTarget } from '../../server/notification/channel-input.ts';
import { createChannelStore } from '../../server/notification/channel-store.ts';
import { createSealer } from '../../server/storage/sealing.ts';
import { makeWorld, NOW } from '../audit/support.ts';
import { freshDatabase, opened, scratch } from '../storage/fresh-database.ts';
import { createSealerOver } from './sealer.ts';

async function setUp() {
  const world = makeWorld();
  const { database, path } = await freshDatabase();
  const sealer = await createSealerOver(database);
  const deps = {
    ...world,
    random: systemRandom,
    sealer,
    audit: (fact: Parameters<typeof auditStatement>[0]) =>
      auditStatement(fact, 'operator:anna', NOW, world.newId()),
  };
  return { ...deps, deps, database, path, store: await createChannelStore({ ...deps, database }) };
}

const webhook = (url: string, secret: string | null = null): ChannelTarget => ({
  kind: 'webhook',
  url,
  secret,
});
const ntfy = (url: string, token: string | null = null): ChannelTarget => ({ kind: 'ntfy', url, token });
const email = (to: string, from: string | null = null): ChannelTarget => ({ kind: 'email', to, from });

describe('adding', () => {
  it('fills in what is left to Postern', async () => {
    const { store } = await setUp();
    const hook = await store.add({ name: 'Hook', to: webhook('https://hooks.example.net/T0/abc?x=1#y') });
    if (hook.kind !== 'done' || hook.settings.kind !== 'webhook') throw new Error('not added');
    expect(hook.settings.url).toBe('https://hooks.example.net/T0/abc?x=1');
    expect(hook.settings.secret).toMatch(/^[\w-]{43}$/);
    expect(hook.channel).toMatchObject({
      detail: 'minimal',
      createdAt: NOW,
      lastSentAt: null,
      lastError: null,
    });
    expect(await store.add({ name: 'Mail', to: email('anna@EXAMPLE.net') })).toMatchObject({
      settings: { to: 'anna@example.net', from: 'anna@example.net' },
      channel: { detail: 'full' },
    });
    expect(
      await store.add({ name: 'Push', to: ntfy('https://ntfy.sh/my_topic'), detail: 'full' }),
    ).toMatchObject({
      settings: { token: null },
      channel: { detail: 'full' },
    });
  });

  it.each([
    ['no URL', webhook('hooks.example.net'), /must begin with https/],
    ['another scheme', webhook('ftp://example.net/x'), /must begin with https/],
    ['a password in the URL', webhook('https://anna:geheim@example.net/SECRET'), /user name or password/],
    ['a short secret', webhook('https://example.net/SECRET', 'short'), /fewer than 16/],
    ['no topic', ntfy('https://ntfy.sh/'), /must end with the topic/],
    ['more than a topic', ntfy('https://ntfy.sh/SECRET?auth=x'), /must end with the topic/],
    ['a token with a line break', ntfy('https://ntfy.sh/SECRET', 'SECRET\r\nX: y'), /token has characters/],
    ['no whole address', email('anna'), /not a whole address/],
    ['a wrong address', email('anna@exa mple.net'), /cannot be used/],
    ['a wrong sender', email('anna@example.net', 'x\r\nBcc: y@example.net'), /cannot be used/],
  ])('%s is refused, and no sentence repeats a secret', async (_, to, text) => {
    const { store } = await setUp();
    const result = await store.add({ name: 'x', to });
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringMatching(text) });
    expect(JSON.stringify(result)).not.toMatch(/SECRET|geheim/);
    expect(store.list()).toEqual([]);
  });

  it.each([
    ['http://hooks.example.net/x', true],
    ['http://192.0.2.7/x', true],
    ['http://localhost:8080/x', false],
    ['http://192.168.1.5/x', false],
    ['http://[fd00::5]/x', false],
    ['https://hooks.example.net/x', false],
  ])('%s is warned of as readable: %s', async (url, warned) => {
    const { store } = await setUp();
    const added = await store.add({ name: 'x', to: webhook(url) });
    expect('warnings' in added ? added.warnings.length : -1).toBe(warned ? 1 : 0);
  });

  it('refuses a name that exists in another case, an empty one, and a twenty-first channel', async () => {
    const { store } = await setUp();
    for (let i = 0; i < 20; i++) await store.add({ name: `Phone ${i}`, to: email('anna@example.net') });
    expect(await store.add({ name: 'x', to: email('anna@example.net') })).toMatchObject({
      text: expect.stringMatching(/20 alert channels already/),
    });
    await store.remove('phone 19');
    expect(await store.add({ name: 'PHONE 0', to: email('anna@example.net') })).toMatchObject({
      text: expect.stringMatching(/exists already/),
    });
    expect(await store.add({ name: ' ', to: email('anna@example.net') })).toMatchObject({ kind: 'refused' });
  });
});

describe('what is kept', () => {
  it('is sealed: no URL, secret, token or address stands in the database', async () => {
    const { store, database } = await setUp();
    await store.add({ name: 'a', to: webhook('https://hooks.example.net/PATH', 'a very long secret') });
    await store.add({ name: 'b', to: ntfy('https://ntfy.example.net/TOPIC', 'tk_token') });
    await store.add({ name: 'c', to: email('anna@example.net') });
    for (const row of await database.read('SELECT * FROM alert_channel')) {
      const text = Object.values(row).map(value =>
        value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
      );
      expect(text.join(' ')).not.toMatch(/example|PATH|TOPIC|secret|token|anna/);
    }
  });

  it('is bound to its channel, and unreadable under another key', async () => {
    const { store, database, deps } = await setUp();
    await store.add({ name: 'a', to: ntfy('https://ntfy.sh/one') });
    await store.add({ name: 'b', to: ntfy('https://ntfy.sh/two') });
    await database.commit([
      {
        sql: "UPDATE alert_channel SET sealed = (SELECT sealed FROM alert_channel WHERE name = 'a') WHERE name = 'b'",
      },
    ]);
    await store.reload();
    const [a, b] = store.list();
    if (a === undefined || b === undefined) throw new Error('missing');
    expect(store.settings(a)).toEqual({ kind: 'ntfy', url: 'https://ntfy.sh/one', token: null });
    expect(store.settings(b)).toBeNull();
    const keyless = createSealer({
      path: `${scratch()}/none`,
      database,
      random: systemRandom,
      key: null,
      trouble: 'lost',
    });
    expect((await createChannelStore({ ...deps, database, sealer: keyless })).settings(a)).toBeNull();
  });

  it('shows only the server of a URL', () => {
    expect(
      shownTarget({ kind: 'webhook', url: 'https://hooks.example.net:8443/T0/abc?x=1', secret: 's' }),
    ).toBe('https://hooks.example.net:8443/…');
    expect(shownTarget({ kind: 'email', to: 'anna@example.net', from: 'x@example.net' })).toBe(
      'anna@example.net',
    );
  });

  it.each([
    { kind: 'webhook', url: 'https://example.net/', secret: 's' },
    { kind: 'ntfy', url: 'https://ntfy.sh/t', token: null },
    { kind: 'ntfy', url: 'https://ntfy.sh/t', token: 'tk' },
    { kind: 'email', to: 'a@example.net', from: 'b@example.net' },
  ] as const)('is read as it was written: %j', settings => {
    expect(parseSettings(writeSettings(settings))).toEqual(settings);
  });
});

describe('changes', () => {
  it('stand in the audit, with who made them', async () => {
    const { store, database } = await setUp();
    await store.add({ name: 'Push', to: ntfy('https://ntfy.sh/topic') });
    await store.remove('PUSH');
    expect(await store.remove('Push')).toMatchObject({ kind: 'refused' });
    expect(await listAudit(database, { limit: 10 })).toMatchObject([
      { action: 'alert.channel-removed', object: 'Push', detail: 'ntfy', actor: 'operator:anna' },
      { action: 'alert.channel-added', object: 'Push', detail: 'ntfy', actor: 'operator:anna' },
    ]);
  });

  it('by another process are seen within a second', async () => {
    const { store, path, deps } = await setUp();
    const seen: number[] = [];
    store.onChange(() => seen.push(store.list().length));
    const other = await createChannelStore({ ...deps, database: await opened(path) });
    await other.add({ name: 'x', to: ntfy('https://ntfy.sh/topic') });
    await expect.poll(() => seen).toContain(1);
    await other.remove('x');
    await expect.poll(() => store.list()).toEqual([]);
  });
});
