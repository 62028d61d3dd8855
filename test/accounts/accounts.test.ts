import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../server/accounts/account.ts';
import type { NewAccount } from '../../server/accounts/account-addition.ts';
import { canonicalName } from '../../server/sasl/credential-text.ts';
import { type Bench, openBench } from './support.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

async function added(request: NewAccount): Promise<Account> {
  const result = await bench.accounts.add(request);
  if (result.kind !== 'done') throw new Error(result.text);
  return result.account;
}

async function queueMessageOf(account: Account): Promise<void> {
  const sql = `INSERT INTO message (id, kind, account_id, reverse_path, body_type, smtputf8, size, content, content_hash,
    queued_at) VALUES ('M1', 'mail', ?, '', '7bit', 0, 1, 'body', '', 0)`;
  await bench.database.commit([{ sql, params: [account.id], require: 1 }]);
}

/** Whether the account's newest password is that one. */
async function knows(name: string, password: string): Promise<boolean> {
  const [newest] = bench.accounts.lookup(canonicalName(name))?.credentials ?? [];
  return newest !== undefined && (await bench.hasher.verify([newest.passwordHash], password)) === 0;
}

const rowOf = async (account: Account) =>
  (await bench.database.read('SELECT * FROM account WHERE id = ?', [account.id]))[0];

describe('adding', () => {
  it('proposes a login and generates a password where none is given', async () => {
    const result = await bench.accounts.add({});
    expect(result).toMatchObject({
      kind: 'done',
      warnings: [],
      account: { enabled: true, policy: { sender: null, senders: null, otherSenders: 'refuse' } },
    });
    if (result.kind !== 'done') return;
    expect(result.account.name).toMatch(/^[a-z][a-z0-9]{3,15}$/);
    expect(result.generatedPassword).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(await knows(result.account.name, result.generatedPassword ?? '')).toBe(true);
  });

  it('keeps a chosen password to itself and warns where it is weak', async () => {
    expect(await bench.accounts.add({ name: 'printer', password: 'printer' })).toMatchObject({
      kind: 'done',
      generatedPassword: null,
      warnings: [expect.stringContaining('name')],
    });
  });

  it.each(['Büro 2', 'a$#', '🖨️', 'scan@example.net', 'x'])('takes %j for a name', async name => {
    expect((await added({ name })).name).toBe(name);
  });

  it.each([
    '',
    '   ',
    '\u00ad',
    'a\nb',
    'a\0',
    'a\u202eb',
    'x'.repeat(256),
  ])('refuses %j as a name', async name => {
    expect(await bench.accounts.add({ name })).toMatchObject({ kind: 'name-invalid' });
  });

  it.each(['', '\u00ad', 'a\0b', 'x'.repeat(1025)])('refuses %j as a password', async password => {
    expect(await bench.accounts.add({ name: 'a', password })).toMatchObject({ kind: 'password-invalid' });
    expect(bench.accounts.list()).toEqual([]);
  });

  it('refuses a sender that is no whole address', async () => {
    expect(await bench.accounts.add({ sender: 'scanner' })).toMatchObject({ kind: 'setting-invalid' });
    expect(await added({ sender: ' Scanner@Example.NET ' })).toMatchObject({
      policy: { sender: 'Scanner@example.net' },
    });
  });

  it('holds names unique without regard to case and composition', async () => {
    await added({ name: 'jürgen' });
    expect(await bench.accounts.add({ name: 'JU\u0308RGEN' })).toMatchObject({ kind: 'name-taken' });
  });

  it('lets one of two win who add the same name at once, in one process or two', async () => {
    const { accounts } = await bench.elsewhere();
    const results = await Promise.all([
      bench.accounts.add({ name: 'scanner' }),
      bench.accounts.add({ name: 'Scanner' }),
      accounts.add({ name: 'SCANNER' }),
    ]);
    expect(results.map(result => result.kind).sort()).toEqual(['done', 'name-taken', 'name-taken']);
  });
});

describe('showing', () => {
  it('lists by name, shows by any spelling, and never shows the hash', async () => {
    await added({ name: 'scanner', note: 'first floor' });
    await added({ name: 'Camera' });
    expect(bench.accounts.list().map(({ account }) => account.name)).toEqual(['Camera', 'scanner']);
    expect(bench.accounts.show('SCANNER')?.account).toMatchObject({ name: 'scanner', note: 'first floor' });
    expect(bench.accounts.show('nas')).toBeNull();
    expect(JSON.stringify(bench.accounts.list())).not.toContain('argon2');
  });
});

describe('changing', () => {
  it('sets name, sender and note, each alone or together', async () => {
    const { id } = await added({ name: 'scanner', note: 'old' });
    expect(await bench.accounts.set('scanner', { sender: 's@example.net' })).toMatchObject({
      kind: 'done',
      account: { id, name: 'scanner', policy: { sender: 's@example.net' }, note: 'old' },
    });
    expect(await bench.accounts.set('scanner', { name: 'Copier', note: null })).toMatchObject({
      account: { id, name: 'Copier', policy: { sender: 's@example.net' }, note: null },
    });
    expect(bench.accounts.show('scanner')).toBeNull();
    expect(bench.accounts.byId(id)).toMatchObject({ name: 'Copier' });
  });

  it('lets an account change the spelling of its own name, but not take another', async () => {
    await added({ name: 'scanner' });
    await added({ name: 'copier' });
    expect(await bench.accounts.set('scanner', { name: 'Scanner' })).toMatchObject({ kind: 'done' });
    const taken = await bench.accounts.set('scanner', { name: 'COPIER', note: 'x' });
    expect(taken).toMatchObject({ kind: 'name-taken', text: expect.stringContaining('"COPIER"') });
    expect(bench.accounts.show('scanner')?.account).toMatchObject({ name: 'Scanner', note: null });
  });

  it('says what is wrong with a request', async () => {
    await added({ name: 'scanner' });
    expect(await bench.accounts.set('scanner', {})).toMatchObject({ kind: 'nothing-to-change' });
    expect(await bench.accounts.set('scanner', { sender: 'x' })).toMatchObject({ kind: 'setting-invalid' });
    expect(await bench.accounts.set('nas', { note: 'x' })).toMatchObject({ kind: 'not-found' });
    expect(await bench.accounts.disable('nas')).toMatchObject({ kind: 'not-found' });
    expect(await bench.accounts.setPassword('nas', null)).toMatchObject({ kind: 'not-found' });
    expect(await bench.accounts.setPassword('scanner', '')).toMatchObject({ kind: 'password-invalid' });
  });

  it('disables and enables', async () => {
    await added({ name: 'scanner' });
    await bench.accounts.disable('scanner');
    expect(bench.accounts.show('scanner')?.account.enabled).toBe(false);
    await bench.accounts.enable('scanner');
    expect(bench.accounts.show('scanner')?.account.enabled).toBe(true);
  });
});

describe('removing', () => {
  it('removes the row where no mail refers to it, and frees the name', async () => {
    const first = await added({ name: 'scanner' });
    expect(await bench.accounts.remove('SCANNER')).toMatchObject({
      kind: 'done',
      account: { name: 'scanner' },
    });
    expect(await rowOf(first)).toBeUndefined();
    expect(bench.accounts.list()).toEqual([]);
    expect((await added({ name: 'scanner' })).id).not.toBe(first.id);
  });

  it('keeps a row without its password while mail refers to it; the name is free all the same', async () => {
    const first = await added({ name: 'scanner', aliases: ['copier'] });
    await queueMessageOf(first);
    await bench.accounts.remove('scanner');
    expect(await rowOf(first)).toMatchObject({
      enabled: 0,
      removed_at: bench.clock.now(),
    });
    for (const table of ['credential', 'derived_secret', 'account_alias'])
      expect(await bench.database.read(`SELECT * FROM ${table} WHERE account_id = ?`, [first.id])).toEqual(
        [],
      );
    expect(bench.accounts.show('scanner')).toBeNull();
    expect(bench.accounts.byId(first.id)).toBeNull();
    expect((await added({ name: 'scanner', aliases: ['COPIER'] })).id).not.toBe(first.id);
    expect(await bench.accounts.remove('scanner')).toMatchObject({ kind: 'done' });
    expect(await bench.accounts.remove('scanner')).toMatchObject({ kind: 'not-found' });
  });

  it('beats a change that comes at the same time from another process', async () => {
    await added({ name: 'scanner' });
    const { accounts } = await bench.elsewhere();
    await bench.accounts.remove('scanner');
    expect(await accounts.enable('scanner')).toMatchObject({ kind: 'not-found' });
  });
});

describe('the view', () => {
  it('shows what another process changed', async () => {
    const { accounts } = await bench.elsewhere();
    await accounts.add({ name: 'scanner' });
    await expect.poll(() => bench.accounts.show('scanner')?.account.enabled, { timeout: 10_000 }).toBe(true);
    await accounts.disable('scanner');
    await expect.poll(() => bench.accounts.show('scanner')?.account.enabled, { timeout: 10_000 }).toBe(false);
  });
});

describe('the audit', () => {
  const entries = async () =>
    (await bench.database.read('SELECT action, object, detail FROM audit ORDER BY happened_at, id')).map(
      ({ action, object, detail }) => [action, object, detail],
    );

  it('has a line for each change, which names what was changed and no secret', async () => {
    const steps: (() => Promise<unknown>)[] = [
      () => bench.accounts.add({ name: 'scanner', password: 'a good long one', senders: ['@example.net'] }),
      () =>
        bench.accounts.set('scanner', { note: 'the safe is open', messagesPerHour: 5, addAliases: ['mfp'] }),
      () => bench.accounts.set('scanner', { name: 'copier', removeAliases: ['mfp'] }),
      () => bench.accounts.setPassword('copier', null, { grace: 60_000 }),
      () => bench.accounts.disable('copier'),
      () => bench.accounts.enable('copier'),
      () => bench.accounts.remove('copier'),
    ];
    for (const step of steps) {
      await step();
      bench.clock.move(1);
    }
    expect(await entries()).toEqual([
      ['account.added', 'scanner', 'password chosen by a person, senders'],
      ['account.changed', 'scanner', 'alias "mfp", messages per hour, note'],
      ['account.changed', 'scanner', 'name (now "copier"), without alias "mfp"'],
      ['account.password', 'copier', 'generated; the old one stays until 2027-01-15T08:01:00.003Z'],
      ['account.disabled', 'copier', null],
      ['account.enabled', 'copier', null],
      ['account.removed', 'copier', null],
    ]);
  });

  it('has no line for what was not done', async () => {
    await bench.accounts.add({ name: 'scanner' });
    await bench.accounts.add({ name: 'Scanner' });
    await bench.accounts.add({ name: 'copier', aliases: ['scanner'] });
    await bench.accounts.set('scanner', { sender: 'x' });
    await bench.accounts.remove('nas');
    expect(await entries()).toHaveLength(1);
  });
});
