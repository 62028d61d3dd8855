// What is sealed opens only where it belongs; a lost key is never replaced while something hangs on it.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Database, Statement } from '../../server/storage/database.ts';
import { readMeta } from '../../server/storage/meta.ts';
import { type OpenedSealer, openSealer } from '../../server/storage/open-sealer.ts';
import type { Sealer } from '../../server/storage/sealing.ts';
import { freshDatabase } from './fresh-database.ts';

type Trial = Readonly<{ mayCreate?: boolean }>;

describe('a sealed value', () => {
  it('opens with the same context only, and differs each time', async () => {
    const { sealer } = await fresh();
    const plain = Buffer.from('MiPasw0rd$Ñ');
    const sealed = sealer.seal(plain, 'upstream:A:password');
    expect(Buffer.from(sealer.open(sealed, 'upstream:A:password') ?? [])).toEqual(plain);
    expect(sealer.open(sealed, 'upstream:B:password')).toBeNull();
    expect(sealer.seal(plain, 'upstream:A:password')).not.toEqual(sealed);
    expect(Buffer.from(sealed).includes('MiPasw0rd')).toBe(false);
  });

  it('does not open when any octet was changed, or when it is cut short', async () => {
    const { sealer } = await fresh();
    const sealed = Uint8Array.from(sealer.seal(Buffer.from('secret'), 'c'));
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.map((octet, at) => (at === i ? octet ^ 1 : octet));
      expect(sealer.open(changed, 'c')).toBeNull();
      expect(sealer.open(sealed.subarray(0, i), 'c')).toBeNull();
    }
  });

  it('may be empty, and opens again after a restart', async () => {
    const { sealer, open } = await fresh();
    const sealed = sealer.seal(new Uint8Array(0), 'c');
    const again = withKey(await open({}));
    expect(again.open(sealed, 'c')?.byteLength).toBe(0);
    expect(again.keyId()).toBe(sealer.keyId());
  });

  it('is committed only while its key is in force', async () => {
    const { sealer, database } = await fresh();
    const sealed = sealer.seal(Buffer.from('x'), 'c');
    expect(await database.commit([sealer.guard(sealed)])).toMatchObject({ kind: 'committed' });
    expect(await database.commit([sealer.guard(Buffer.from('no sealed value'))])).toMatchObject({
      kind: 'requirement',
    });
    await database.commit([setKeyId('0123456789abcdef')]);
    expect(await database.commit([sealer.guard(sealed)])).toMatchObject({ kind: 'requirement' });
  });
});

describe('the key file', () => {
  it('is ours alone, and its id is in the database', async () => {
    const { path, sealer, database } = await fresh();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toContain(`id ${sealer.keyId()}`);
    expect(await readMeta(database, 'sealing_key_id')).toBe(sealer.keyId());
  });

  it('is adopted where the process died between making it and noting its id', async () => {
    const { sealer, database, open } = await fresh();
    await database.commit([{ sql: 'DELETE FROM meta WHERE name = ?', params: ['sealing_key_id'] }]);
    expect(withKey(await open({})).keyId()).toBe(sealer.keyId());
  });

  it('is not made by a process that does not hold the folder', async () => {
    const { database, path: file } = await freshDatabase();
    const path = join(dirname(file), 'sealing.key');
    expect(await openAt(path, database, { mayCreate: false })).toEqual({ kind: 'not-yet' });
    expect(existsSync(path)).toBe(false);
  });

  it('missing, with an upstream password sealed: lost, nothing made', async () => {
    const { path, sealer, open, sealPassword } = await fresh();
    await sealPassword();
    renameSync(path, `${path}.lost`);
    const lost = await open({});
    expect(lost).toMatchObject({
      kind: 'lost',
      asksOperator: true,
      text: `The sealing key ${path} is missing: the one that seals passwords of upstreams (id ${sealer.keyId()}). Without it the server does not start. Put that key file back from your backup and start Postern again; nothing was changed. Without a backup, "postern key reset" makes a new key and says what you must enter again.`,
    });
    expect(existsSync(path)).toBe(false);
    renameSync(`${path}.lost`, path);
    expect(withKey(await open({})).keyId()).toBe(sealer.keyId());
  });

  it('missing, with only a lasting key sealed: lost, but nobody need be asked', async () => {
    const { path, open, sealLastingKey } = await fresh();
    await sealLastingKey();
    rmSync(path);
    const lost = await open({});
    expect(lost).toMatchObject({ kind: 'lost', asksOperator: false });
    expect('text' in lost ? lost.text : '').toContain(
      'Until then CRAM-MD5 and SCRAM are not offered; PLAIN and LOGIN go on.',
    );
    expect(existsSync(path)).toBe(false);
  });

  it('another one, with sealed data: lost, and both files stay', async () => {
    const { path, sealer, open, sealPassword } = await fresh();
    await sealPassword();
    const other = readFileSync((await fresh()).path);
    writeFileSync(path, other);
    for (const mayCreate of [true, false]) {
      const lost = await open({ mayCreate });
      expect('text' in lost ? lost.text : '').toMatch(
        new RegExp(`is not the one .* \\(id ${sealer.keyId()}\\)`),
      );
    }
    expect(readFileSync(path)).toEqual(other);
  });

  it('missing or another one, with nothing sealed: replaced, but not silently', async () => {
    const { path, sealer, open, warnings } = await fresh();
    rmSync(path);
    const second = withKey(await open({}));
    expect(second.keyId()).not.toBe(sealer.keyId());
    expect(warnings).toEqual([expect.stringContaining('a new one was made')]);
    writeFileSync(path, readFileSync((await fresh()).path));
    const third = withKey(await open({}));
    expect(third.keyId()).not.toBe(second.keyId());
    expect(warnings[1]).toContain('it is used from now on');
    expect(withKey(await open({})).keyId()).toBe(third.keyId());
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, -10), 'it is not whole'],
    ['empty', () => '', 'it is not whole'],
    [
      'changed',
      (text: string) => text.replace(/^key (.)/m, (_, c) => `key ${c === 'A' ? 'B' : 'A'}`),
      'its key and its id differ',
    ],
    ['of a later version', (text: string) => text.replace('version 1', 'version 2'), 'it has version 2'],
  ])('%s: lost, whether something is sealed or not', async (_, damage, why) => {
    const { path, open, sealPassword } = await fresh();
    const damaged = damage(readFileSync(path, 'utf8'));
    writeFileSync(path, damaged);
    expect(await open({})).toMatchObject({
      kind: 'lost',
      asksOperator: false,
      text: expect.stringContaining(why),
    });
    await sealPassword();
    expect(await open({})).toMatchObject({
      kind: 'lost',
      asksOperator: true,
      text: expect.stringContaining(why),
    });
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  });
});

describe('a sealer without a key', () => {
  it('opens nothing, refuses to seal in one line, and works again as soon as the key is there', async () => {
    const { path, sealer, open, sealPassword, database } = await fresh();
    await sealPassword();
    const sealed = sealer.seal(Buffer.from('x'), 'c');
    renameSync(path, `${path}.lost`);
    const lost = await open({});
    if (lost.kind !== 'lost') throw new Error(lost.kind);
    const without = lost.sealer;
    expect([without.keyId(), without.open(sealed, 'c'), without.trouble()]).toEqual([null, null, lost.text]);
    expect(() => without.seal(Buffer.from('x'), 'c')).toThrow(lost.text);
    renameSync(`${path}.lost`, path);
    await without.refresh();
    expect([without.keyId(), without.trouble()]).toEqual([sealer.keyId(), null]);
    expect(without.open(sealed, 'c')).not.toBeNull();
    expect(await database.commit([without.guard(without.seal(Buffer.from('y'), 'c'))])).toMatchObject({
      kind: 'committed',
    });
  });
});

async function fresh() {
  const { database, path: file } = await freshDatabase();
  const path = join(dirname(file), 'sealing.key');
  const warnings: string[] = [];
  const open = (trial: Trial): Promise<OpenedSealer> => openAt(path, database, trial, warnings);
  const sealer = withKey(await open({}));
  const sealPassword = () =>
    database.commit([
      {
        sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at, revision, sealed_password)
          VALUES ('U', 'u', 'u', 'smtps', 'h', 465, 1, 1, 0, 1, ?)`,
        params: [sealer.seal(Buffer.from('secret'), 'upstream:U')],
      },
    ]);
  const sealLastingKey = () =>
    database.commit([
      {
        sql: `INSERT INTO lasting_key (name, sealed) VALUES ('logins', ?)`,
        params: [sealer.seal(randomBytes(32), 'lasting-key:logins')],
      },
    ]);
  return { path, database, sealer, open, warnings, sealPassword, sealLastingKey };
}

function openAt(
  path: string,
  database: Database,
  trial: Trial,
  warnings: string[] = [],
): Promise<OpenedSealer> {
  return openSealer({
    path,
    database,
    random: count => randomBytes(count),
    mayCreate: trial.mayCreate ?? true,
    onWarning: text => warnings.push(text),
  });
}

function withKey(opened: OpenedSealer): Sealer {
  if (opened.kind !== 'open') throw new Error(`the sealing key is ${opened.kind}`);
  return opened.sealer;
}

function setKeyId(id: string): Statement {
  return { sql: `UPDATE meta SET value = ? WHERE name = 'sealing_key_id'`, params: [id] };
}
