// The sealing key is replaced and reset: nothing that can be read before is unreadable after, whoever writes meanwhile and
// whenever the process dies.

import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { auditStatement } from '../../server/audit/audit.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { createUpstreams, type Upstreams } from '../../server/relay/upstreams.ts';
import type { Database } from '../../server/storage/database.ts';
import { type KeyReset, resetKey } from '../../server/storage/key-reset.ts';
import { type KeyDeps, rotateKey } from '../../server/storage/key-rotation.ts';
import { type LastingKey, openLastingKey } from '../../server/storage/lasting-key.ts';
import { readMeta } from '../../server/storage/meta.ts';
import { openSealer } from '../../server/storage/open-sealer.ts';
import type { Sealer } from '../../server/storage/sealing.ts';
import { createNextKeyFile } from '../../server/storage/sealing-key.ts';
import { lockFile } from '../../server/storage/sqlite.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { freshDatabase, opened, program } from './fresh-database.ts';

const PASSWORD = 'the password of the upstream';
const name = Buffer.from('scanner');

describe('rotation', () => {
  it('seals everything anew under the new key, and says so in the audit', async () => {
    const first = await setUp();
    const before = {
      key: first.sealer.keyId(),
      file: readFileSync(first.file, 'utf8'),
      sealed: await sealed(first),
    };
    const mac = first.lastingKey.mac('name tag', name);
    const rotated = await rotateKey(first.deps);
    expect(rotated).toMatchObject({ kind: 'rotated', values: 2 });
    const id = rotated.kind === 'rotated' ? rotated.id : '';
    expect(id).not.toBe(before.key);
    expect(await readMeta(first.database, 'sealing_key_id')).toBe(id);
    expect(readFileSync(first.file, 'utf8')).toContain(`id ${id}\n`);
    expect(statSync(first.file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${first.file}.next`)).toBe(false);

    const second = await openThere(first.path);
    expect(second.upstreams.list().map(second.upstreams.password)).toEqual([PASSWORD]);
    expect(second.lastingKey.mac('name tag', name)).toEqual(mac);
    const values = await sealed(second);
    // Nothing is left that the old key opens.
    expect(values.map(value => keyIdIn(value))).toEqual([id, id]);
    for (const value of before.sealed) expect(values).not.toContainEqual(value);
    expect(await second.database.read('SELECT action, actor, detail FROM audit')).toEqual([
      { action: 'key.rotated', actor: 'operator:me', detail: `key ${before.key} was replaced by key ${id}` },
    ]);
  });

  it('is noticed by a running server, which reads and writes on', async () => {
    const server = await setUp();
    const noticed = new Promise<void>(resolve => server.sealer.onChange(resolve));
    const command = await openThere(server.path);
    await rotateKey(command.deps);
    await command.upstreams.set('main', { password: 'set by the command' });
    await noticed;
    expect(server.sealer.keyId()).toBe(await readMeta(command.database, 'sealing_key_id'));
    await expect
      .poll(() => server.upstreams.list().map(server.upstreams.password))
      .toEqual(['set by the command']);
    expect(await server.upstreams.set('main', { password: 'set by the server' })).toMatchObject({
      kind: 'done',
    });
    await command.upstreams.reload();
    expect(command.upstreams.list().map(command.upstreams.password)).toEqual(['set by the server']);
    expect(server.lastingKey.mac('name tag', name)).toEqual(command.lastingKey.mac('name tag', name));
  });

  it('makes who sealed under the old key a moment before seal again', async () => {
    const server = await setUp();
    const command = await openThere(server.path);
    // The server has not heard of it when it writes; also what it only keeps must not be written back under the old key.
    for (const change of [{ password: 'new' }, { ehloName: 'gate.example' }]) {
      await rotateKey(command.deps);
      expect(await server.upstreams.set('main', change)).toMatchObject({ kind: 'done' });
      const id = await readMeta(server.database, 'sealing_key_id');
      expect((await sealed(server)).map(keyIdIn)).toEqual([id, id]);
    }
    expect(server.upstreams.list().map(server.upstreams.password)).toEqual(['new']);
  });

  it('misses nothing that others write all the time', async () => {
    const server = await setUp();
    const command = await openThere(server.path);
    let writing = true;
    let last = PASSWORD;
    const writer = (async () => {
      for (let i = 0; writing; i++) {
        const result = await server.upstreams.set('main', { password: `password ${i}` });
        if (result.kind === 'done') last = `password ${i}`;
        await sleep(5);
      }
    })();
    let rotated = 0;
    for (let i = 0; i < 10; i++) if ((await rotateKey(command.deps)).kind === 'rotated') rotated++;
    writing = false;
    await writer;
    expect(rotated).toBeGreaterThan(0);
    const id = await readMeta(server.database, 'sealing_key_id');
    expect((await sealed(server)).map(keyIdIn)).toEqual([id, id]);
    await command.upstreams.reload();
    expect(command.upstreams.list().map(command.upstreams.password)).toEqual([last]);
  });

  it('is refused while another process is at it, and while the key is lost', async () => {
    const { file, deps } = await setUp();
    const lock = lockFile(`${file}.lock`);
    expect(await rotateKey(deps)).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('wait for it'),
    });
    lock?.close();
    renameSync(file, `${file}.lost`);
    expect(await rotateKey(deps)).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('is lost'),
    });
    expect(existsSync(`${file}.next`)).toBe(false);
    renameSync(`${file}.lost`, file);
    expect(await rotateKey(deps)).toMatchObject({ kind: 'rotated' });
  });

  it('is refused where a password cannot be read, and names it', async () => {
    const { database, deps, sealer } = await setUp();
    const wrong = sealer.seal(Buffer.from('x'), 'upstream:another');
    await database.commit([{ sql: 'UPDATE upstream SET sealed_password = ?', params: [wrong] }]);
    const before = await readMeta(database, 'sealing_key_id');
    const result = await rotateKey(deps);
    expect(result).toMatchObject({ kind: 'refused' });
    expect('text' in result ? result.text : '').toContain(
      'The password of the upstream "main" cannot be read',
    );
    expect(await readMeta(database, 'sealing_key_id')).toBe(before);
  });

  it('drops what comes back by itself where that cannot be read', async () => {
    const { database, deps, sealer, path } = await setUp();
    const wrong = sealer.seal(Buffer.from('x'), 'another');
    await database.commit([{ sql: 'UPDATE lasting_key SET sealed = ?', params: [wrong] }]);
    expect(await rotateKey(deps)).toMatchObject({ kind: 'rotated' });
    expect(await database.read('SELECT * FROM lasting_key')).toEqual([]);
    expect((await openThere(path)).lastingKey.available()).toBe(true);
  });
});

describe('a crash', () => {
  it('before the commit leaves the old key in force', async () => {
    const { path, file, database } = await setUp();
    const before = await readMeta(database, 'sealing_key_id');
    createNextKeyFile(file, systemRandom);
    const after = await openThere(path);
    expect(after.sealer.keyId()).toBe(before);
    expect(after.upstreams.list().map(after.upstreams.password)).toEqual([PASSWORD]);
    expect(await rotateKey(after.deps)).toMatchObject({ kind: 'rotated' });
  });

  it('after the commit leaves the new key in force, and the next to open puts it into its place', async () => {
    const { path, file, deps } = await setUp();
    copyFileSync(file, `${file}.old`);
    await rotateKey(deps);
    renameSync(file, `${file}.next`);
    renameSync(`${file}.old`, file);
    const after = await openThere(path);
    expect(after.upstreams.list().map(after.upstreams.password)).toEqual([PASSWORD]);
    expect(existsSync(`${file}.next`)).toBe(false);
    expect(readFileSync(file, 'utf8')).toContain(`id ${after.sealer.keyId()}\n`);
  });

  it('by kill -9, at any moment, leaves everything readable', async () => {
    const { path } = await setUp();
    for (let round = 0; round < 6; round++) {
      const rotating = startProgram({
        command: program('rotate-keys', path),
        outputFolder: dirname(path),
        name: `rotate-${round}`,
      });
      await waitFor('a rotation', () => rotating.stdout().includes('\n') || rotating.hasExited());
      await sleep(round * 17);
      await rotating.kill();
      expect(rotating.stdout()).toMatch(/^([0-9a-f]{16}\n)+/);
      const { upstreams, lastingKey } = await openThere(path);
      expect(upstreams.list().map(upstreams.password)).toEqual([PASSWORD]);
      expect(lastingKey.available()).toBe(true);
    }
  });
});

describe('reset', () => {
  it.each<[string, (file: string) => void, boolean]>([
    ['missing', file => rmSync(file), false],
    ['damaged', file => writeFileSync(file, 'version 1\n'), true],
  ])('of a %s key forgets what was sealed, names it, and makes a new one', async (_, lose, kept) => {
    const { path, file, lastingKey } = await setUp();
    const before = lastingKey.mac('name tag', name);
    lose(file);
    const lost = await openThere(path);
    expect(lost.sealer.keyId()).toBeNull();
    const reset = await resetKey(lost.deps);
    expect(reset).toMatchObject<Partial<KeyReset>>({
      kind: 'reset',
      forgotten: { upstreams: ['main'], clientSecrets: [], serviceAccounts: [], consents: [], channels: [] },
      keptAs: kept ? `${file}.before-reset` : null,
    });
    if (kept) expect(readFileSync(`${file}.before-reset`, 'utf8')).toBe('version 1\n');
    const after = await openThere(path);
    expect(after.upstreams.list()).toMatchObject([{ name: 'main', user: 'me', sealedPassword: null }]);
    expect(after.lastingKey.available()).toBe(true);
    expect(after.lastingKey.mac('name tag', name)).not.toEqual(before);
    expect(await after.upstreams.set('main', { password: 'again' })).toMatchObject({ kind: 'done' });
    expect(await after.database.read('SELECT action FROM audit')).toEqual([{ action: 'key.reset' }]);
  });

  it('is noticed by a server that runs without a key', async () => {
    const { path, file } = await setUp();
    rmSync(file);
    const server = await openThere(path);
    expect([server.sealer.keyId(), server.lastingKey.available()]).toEqual([null, false]);
    const command = await openThere(path);
    await resetKey(command.deps);
    await expect.poll(() => server.lastingKey.available(), { timeout: 5_000 }).toBe(true);
    expect(server.sealer.keyId()).toBe(await readMeta(server.database, 'sealing_key_id'));
  });

  it('is refused while the key is there', async () => {
    const { deps, sealer } = await setUp();
    expect(await resetKey(deps)).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('nothing to reset'),
    });
    expect(sealer.keyId()).not.toBeNull();
  });
});

type Place = Readonly<{
  path: string;
  file: string;
  database: Database;
  sealer: Sealer;
  lastingKey: LastingKey;
  upstreams: Upstreams;
  deps: KeyDeps;
}>;

/** A data folder with an upstream that has a password, and a lasting key. */
async function setUp(): Promise<Place> {
  const { path, database } = await freshDatabase();
  const place = await openOver(path, database);
  const added = await place.upstreams.add({
    name: 'main',
    url: 'smtps://me@relay.example',
    password: PASSWORD,
  });
  expect(added).toMatchObject({ kind: 'done' });
  return place;
}

/** Another process on the same files. */
async function openThere(path: string): Promise<Place> {
  return openOver(path, await opened(path));
}

async function openOver(path: string, database: Database): Promise<Place> {
  const file = join(dirname(path), 'sealing.key');
  const random = (count: number) => randomBytes(count);
  const found = await openSealer({
    path: file,
    database,
    random,
    mayCreate: true,
    onWarning: text => {
      throw new Error(text);
    },
  });
  if (found.kind === 'not-yet') throw new Error('no key was made');
  const { sealer } = found;
  const lastingKey = await openLastingKey({ database, sealer, random });
  const newId = () => makeId(Date.now(), random);
  const clock = { now: Date.now, monotonic: () => performance.now() };
  const upstreams = await createUpstreams({ database, clock, newId, sealer });
  const audit: KeyDeps['audit'] = fact => auditStatement(fact, 'operator:me', clock.now(), newId());
  return {
    path,
    file,
    database,
    sealer,
    lastingKey,
    upstreams,
    deps: { path: file, database, random, audit },
  };
}

async function sealed({ database }: Place): Promise<readonly Uint8Array[]> {
  const rows = await database.read(
    'SELECT sealed FROM lasting_key UNION ALL SELECT sealed_password FROM upstream WHERE sealed_password IS NOT NULL',
  );
  return rows.map(row => {
    const value = row['sealed'];
    if (!(value instanceof Uint8Array)) throw new Error('a sealed value is no blob');
    return value;
  });
}

function keyIdIn(value: Uint8Array): string {
  return Buffer.from(value.subarray(1, 9)).toString('hex');
}
