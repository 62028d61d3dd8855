// Invariant (e): no account password can be read back from anything that is stored, not even with the sealing key. Looks
// into every column of every table, into every file of the data folder, and into everything sealed, opened with the key:
// for each password in every form and encoding (password-traces.ts). Guessing a weak one is another matter: SECURITY.md.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccounts } from '../../server/accounts/accounts.ts';
import { createDeriveSecrets } from '../../server/accounts/derived-secrets.ts';
import { createPasswordHasher } from '../../server/accounts/password.ts';
import { scramSaltOf } from '../../server/accounts/scram-salt.ts';
import { createSemaphore } from '../../server/accounts/semaphore.ts';
import { auditStatement } from '../../server/audit/audit.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import type { SqlValue } from '../../server/storage/database.ts';
import { openStore, type Store } from '../../server/storage/open-store.ts';
import { readSealedRows } from '../../server/storage/sealed-rows.ts';
import { type CommandLine, makeCommandLine } from '../cli/command-line.ts';
import { findTrace, type Trace, tracesOf } from './password-traces.ts';
import { CHEAP, createMovableClock } from './support.ts';
import { createVerifierBench, logins, outcomeOf, type VerifierBench } from './verifier-bench.ts';

/** Login names and the passwords they have had, in order. None is part of a name or of another password. */
const passwords: readonly (readonly [name: string, password: string])[] = [
  ['ascii', 'Kl4vierhocker7Qz'],
  ['composed', 'Gr\u00fcnspan-\u00d1and\u00fa 4711'],
  ['ligature', 'Raf\ufb01nierter\u00a0Zucker\u00b2'],
  ['emoji', 'Zitrone🍋Orange🍊Limette'],
  ['chinese', '密码非常安全的口令一二三'],
  ['long', `Donaudampfschiff${'ahrtsgesellschaft'.repeat(6)}`],
  ['weak', 'Welcome2026'],
  ['changeover', 'Wasserhahn-undicht-9'],
  ['changeover', 'Dachrinne-verstopft-3'],
  ['replaced', 'Briefkasten-klemmt-5'],
  ['replaced', 'Gartentor-quietscht-8'],
];
/** Typed into the name's field, and as passwords that are wrong. */
const mistyped = ['Treppenstufe-locker-6', 'Kellerfenster-blind-2'];

let line: CommandLine;
let store: Store;
let gate: VerifierBench;
let generated: string;
let traces: readonly Readonly<{ of: string; traces: readonly Trace[] }>[];
let logged: string;

beforeAll(async () => {
  line = makeCommandLine();
  const account = async (words: readonly string[], password: string) => {
    const ran = await line.run(['account', ...words, '--password-stdin'], { stdin: `${password}\n` });
    expect(ran.status, ran.stderr).toBe(0);
  };
  const seen = new Set<string>();
  for (const [name, password] of passwords) {
    const more = {
      add: ['--alias', `${name}@example.net`, '--allow-weak-derived', '--note', 'a note'],
      password: name === 'changeover' ? ['--grace', '7d'] : [],
    };
    const command = seen.has(name) ? 'password' : 'add';
    seen.add(name);
    await account([command, name, ...more[command]], password);
  }
  const made: unknown = await line.json(['account', 'add', 'generated']);
  generated = typeof made === 'object' && made !== null && 'password' in made ? String(made.password) : '';
  await line.run(['upstream', 'add', 'main', '--url', 'smtps://me@relay.example', '--password-stdin'], {
    stdin: 'the password of the upstream\n',
  });
  // Open while the files are read, so that the write-ahead log is looked into as well.
  store = await openStore({
    path: join(line.folder, 'data'),
    as: 'serve',
    allowUnsafeFilesystem: false,
    random: systemRandom,
    onFatal: text => {
      throw new Error(text);
    },
  });
  // As from before these mechanisms were known, so that logins in clear derive them.
  await store.database.commit([
    { sql: `DELETE FROM derived_secret WHERE login_name = 'ascii' OR login_name = ''` },
    { sql: 'UPDATE credential SET withholds_cram = NULL' },
  ]);
  await openGate();
  await logIn();
  await line.run(['key', 'rotate']);
  await store.observations.flush();
  traces = [...passwords, ['generated', generated] as const].map(([name, password]) => ({
    of: `${name}: ${password}`,
    traces: tracesOf(password, saltsOf(name)),
  }));
  traces = [...traces, ...mistyped.map(password => ({ of: password, traces: tracesOf(password, []) }))];
});
afterAll(async () => {
  await store.close();
  line.remove();
});

async function openGate(): Promise<void> {
  const { database, sealer, lastingKey } = store;
  const clock = createMovableClock();
  // As the command line's, or the changeover would be over.
  clock.move(Date.now() - clock.now());
  const hasher = createPasswordHasher({ random: systemRandom, cost: CHEAP });
  const semaphore = createSemaphore({ places: 1, line: 128 });
  const deriveSecrets = createDeriveSecrets({ lastingKey, random: systemRandom, semaphore });
  const newId = () => makeId(Date.now(), systemRandom);
  const accounts = await createAccounts({
    database,
    sealer,
    lastingKey,
    deriveSecrets,
    clock,
    newId,
    random: systemRandom,
    hasher,
    audit: fact => auditStatement(fact, 'postern', clock.now(), newId()),
    onStale: text => {
      throw new Error(text);
    },
  });
  const place = { database, sealer, lastingKey, deriveSecrets, accounts };
  gate = createVerifierBench({
    ...place,
    folder: line.folder,
    clock,
    hasher,
    elsewhere: async () => place,
    close: async () => undefined,
  });
}

/** Right, wrong, and with the fields swapped, by every mechanism. */
async function logIn(): Promise<void> {
  const outcomes: string[] = [];
  for (const login of Object.values(logins))
    for (const [name, password] of [...passwords, ['generated', generated] as const]) {
      for (const [first, second] of [
        [name, password],
        [password, name],
        ...mistyped.flatMap(wrong => [
          [name, wrong],
          [wrong, password],
        ]),
      ] as const)
        outcomes.push(JSON.stringify(await login(gate.verifier, first, second)));
      for (const octet of ['utf16le', 'latin1'] as const)
        outcomes.push(JSON.stringify(await login(gate.verifier, name, Buffer.from(password, octet))));
    }
  // All but the replaced one, and the weak one, which gets nothing back.
  const gains = passwords.length - 1;
  for (let waited = 0; gate.logged.length < gains && waited < 200; waited++) await sleep(50);
  expect(gate.logged).toHaveLength(gains);
  logged = [...outcomes, ...gate.logged, ...gate.used].join('\n');
}

function saltsOf(name: string) {
  return [name, `${name}@example.net`].flatMap(login =>
    [1, 2].map(version => scramSaltOf(store.lastingKey, login, version)),
  );
}

/** Whose password is there, and how; empty where none is. */
function found(octets: Uint8Array): readonly string[] {
  return traces.flatMap(({ of, traces: all }) => {
    const trace = findTrace(octets, all);
    return trace === null ? [] : [`${of} (${trace.how})`];
  });
}

function octetsOf(value: SqlValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(String(value ?? ''));
}

describe('the passwords', () => {
  it('log in, so what is looked for is right', async () => {
    for (const [mechanism, login] of Object.entries(logins))
      for (const [name, password] of [...passwords, ['generated', generated] as const]) {
        const isReplaced = password === 'Briefkasten-klemmt-5';
        // Only a login in clear has given these back what CRAM-MD5 needs, and the weak one got none.
        const lacks = mechanism === 'CRAM-MD5' && name === 'weak';
        const expected = isReplaced ? 'wrong-password' : lacks ? 'lacks-secret' : 'verified';
        expect(outcomeOf(await login(gate.verifier, name, password)), `${mechanism} ${name}`).toBe(expected);
      }
  });

  it('are found where they are: in a note, in any encoding', async () => {
    const [[, password] = ['', '']] = passwords;
    for (const { how, octets } of tracesOf(password, saltsOf('ascii')))
      expect(found(Buffer.concat([Buffer.from('before'), octets, Buffer.from('after')])), how).not.toEqual(
        [],
      );
    const basic = Buffer.from(Buffer.from(`\0ascii\0${password}`).toString('base64'));
    expect(found(basic)).not.toEqual([]);
  });

  it('are in no column of no table', async () => {
    const tables = await store.database.read(
      `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`,
    );
    const filled: string[] = [];
    for (const { name } of tables) {
      const rows = await store.database.read(`SELECT * FROM "${name}"`);
      if (rows.length > 0) filled.push(String(name));
      for (const row of rows)
        for (const [column, value] of Object.entries(row))
          expect(found(octetsOf(value)), `${name}.${column}`).toEqual([]);
    }
    expect(filled).toEqual(
      expect.arrayContaining([
        'account',
        'account_alias',
        'audit',
        'credential',
        'derived_secret',
        'lasting_key',
        'meta',
        'upstream',
      ]),
    );
  });

  it('are in no file of the data folder, the log of the database and what may be forgotten included', () => {
    const files = filesOf(join(line.folder, 'data'));
    for (const file of files) expect(found(readFileSync(file)), file).toEqual([]);
    const names = files.map(file => file.slice(file.lastIndexOf('/') + 1));
    expect(names).toEqual(
      expect.arrayContaining(['postern.db', 'postern.db-wal', 'observations.db', 'sealing.key']),
    );
    expect(statSync(join(line.folder, 'data/postern.db-wal')).size).toBeGreaterThan(0);
  });

  it('are in nothing that is sealed, opened with the key', async () => {
    const rows = await readSealedRows(store.database);
    const opened = rows.map(({ column, sealed, context }) => ({
      table: column.table,
      plain: store.sealer.open(sealed, context),
    }));
    const counts = new Map<string, number>();
    for (const { table, plain } of opened) {
      if (plain === null) throw new Error(`a value of ${table} does not open`);
      expect(found(plain), table).toEqual([]);
      counts.set(table, (counts.get(table) ?? 0) + 1);
    }
    expect(counts.get('upstream')).toBe(1);
    expect(counts.get('lasting_key')).toBe(1);
    expect(counts.get('derived_secret')).toBeGreaterThan(2 * (passwords.length - 2));
    // The upstream's password can be read back with the key: that one is needed.
    const upstream = opened.find(({ table }) => table === 'upstream');
    expect(Buffer.from(upstream?.plain ?? []).toString()).toBe('the password of the upstream');
  });

  it('are in no verdict and no line of the log', () => {
    expect(logged.length).toBeGreaterThan(1000);
    expect(found(Buffer.from(logged))).toEqual([]);
  });
});

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesOf(path) : [path];
  });
}
