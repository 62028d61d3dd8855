// The data folder as serve and the commands find it: empty, in use, newer, without its key.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRefusedStart } from '../../server/refused-start.ts';
import { migrate, migrations } from '../../server/storage/migrate.ts';
import { openStore, type Store } from '../../server/storage/open-store.ts';
import { afterTest, insert, names, scratch } from './fresh-database.ts';

const LATEST = migrations.length;

describe('openStore', () => {
  it('makes everything at the first start, and finds it again', async () => {
    const path = join(scratch(), 'data');
    const first = await open(path, 'serve');
    expect(first).toMatchObject({ holds: true, migrated: { from: 0, to: LATEST }, warnings: [] });
    const keyId = first.sealer.keyId();
    first.observations.recordLogin('A', 5);
    await first.close();
    expect(readdirSync(path).sort()).toEqual([
      'observations.db',
      'postern.db',
      'postern.lock',
      'sealing.key',
      'spool',
      'tls',
    ]);
    for (const name of ['observations.db', 'postern.db', 'postern.lock', 'sealing.key']) {
      expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    }
    const second = await open(path, 'serve');
    expect(second).toMatchObject({ migrated: { from: LATEST, to: LATEST } });
    expect(second.sealer.keyId()).toBe(keyId);
    expect((await second.observations.lastUsed()).get('A')).toBe(5);
  });

  it('refuses a second serve in one line that names the process', async () => {
    const path = scratch();
    await open(path, 'serve');
    const text = await refusal(open(path, 'serve'));
    expect(text).toBe(
      `Another Postern server (process ${process.pid}) already runs on ${path}. Stop it first, or choose another data folder with --data.`,
    );
  });

  it('lets a command work beside a server, which sees what it did', async () => {
    const path = scratch();
    const server = await open(path, 'serve');
    const seen = new Promise<void>(resolve => server.database.onForeignChange(resolve));
    const command = await open(path, 'command');
    expect(command).toMatchObject({ holds: false, migrated: null });
    expect(command.sealer.keyId()).toBe(server.sealer.keyId());
    await command.database.commit([insert('by-command')]);
    await command.close();
    await seen;
    expect(await names(server.database)).toContain('by-command');
  });

  it('lets a first command make what serve would, and let go of the folder', async () => {
    const path = scratch();
    const command = await open(path, 'command');
    expect(command.holds).toBe(true);
    command.letGo();
    const server = await open(path, 'serve');
    expect(server.sealer.keyId()).toBe(command.sealer.keyId());
    await command.database.commit([insert('still-writes')]);
    expect(await names(server.database)).toContain('still-writes');
  });

  it('without the key under which a password is sealed: refuses the server, which lets go of the folder, and warns a command', async () => {
    const path = scratch();
    const first = await open(path, 'serve');
    const result = await first.database.commit([
      {
        sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at, revision, sealed_password)
          VALUES ('U', 'u', 'u', 'smtps', 'h', 465, 1, 1, 0, 1, ?)`,
        params: [first.sealer.seal(Buffer.from('secret'), 'upstream:U:password')],
      },
    ]);
    expect(result.kind).toBe('committed');
    await first.close();
    const key = join(path, 'sealing.key');
    const before = readFileSync(join(path, 'postern.db'));
    renameSync(key, `${key}.lost`);
    const text = await refusal(open(path, 'serve'));
    expect(text).toContain(`The sealing key ${key} is missing`);
    const command = await open(path, 'command');
    expect(command.sealer.trouble()).toBe(text);
    expect(command.sealer.open(Buffer.from('x'), 'c')).toBeNull();
    expect(() => command.sealer.seal(Buffer.from('x'), 'c')).toThrow(text);
    await command.close();
    expect(readFileSync(join(path, 'postern.db'))).toEqual(before);
    renameSync(`${key}.lost`, key);
    const again = await open(path, 'serve');
    const [row] = await again.database.read('SELECT sealed_password FROM upstream');
    const sealed = row?.['sealed_password'];
    const plain = sealed instanceof Uint8Array ? again.sealer.open(sealed, 'upstream:U:password') : null;
    expect(Buffer.from(plain ?? []).toString()).toBe('secret');
  });

  it('refuses a newer schema, and lets go of the folder', async () => {
    const path = scratch();
    await (await open(path, 'serve')).close();
    const next = { number: LATEST + 1, name: 'next', statements: [] };
    migrate({ path: join(path, 'postern.db'), migrations: [...migrations, next] });
    for (const as of ['serve', 'command'] as const) {
      expect(await refusal(open(path, as))).toContain('was written by a newer Postern');
    }
    for (const name of ['postern.db', 'sealing.key']) rmSync(join(path, name));
    expect((await open(path, 'serve')).holds).toBe(true);
  });
});

async function open(path: string, as: 'serve' | 'command'): Promise<Store> {
  const store = await openStore({
    path,
    as,
    allowUnsafeFilesystem: false,
    random: count => randomBytes(count),
    onFatal: text => {
      throw new Error(text);
    },
  });
  afterTest(() => store.close());
  return store;
}

async function refusal(opening: Promise<Store>): Promise<string> {
  const error = await opening.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isRefusedStart(error)) throw error ?? new Error('it was not refused');
  return error.message;
}
