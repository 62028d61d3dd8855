// A data folder of the schema before: mail that waits, was in flight, is held or has failed survives the upgrade, and all that
// waits arrives. The way back is refused in words that name the copy.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, migrations } from '../../server/storage/migrate.ts';
import { fill, octetsOf } from '../backup/support.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadTools, mustSkip } from '../support/needs.ts';
import {
  addAccount,
  addUpstream,
  field,
  type Installation,
  install,
  queueStats,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { SINK_LOGIN, type Sink, startSink } from '../support/sink.ts';
import { submit } from './gate.ts';

const skip = mustSkip('end-to-end upgrade', loadTools);
const BEFORE = migrations.slice(0, -1);
let at: Installation;
let sink: Sink;

beforeAll(async () => {
  if (skip) return;
  at = await install({
    queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s', ambiguous_for: '1s', delay_after: '0s' },
  });
  for (const name of ['', 'spool', 'tls']) mkdirSync(join(at.data, name), { recursive: true, mode: 0o700 });
  const path = join(at.data, 'postern.db');
  migrate({ path, migrations: BEFORE });
  fill(path, join(at.data, 'spool'));
});

afterAll(async () => {
  await at?.remove();
  await sink?.stop();
});

describe.skipIf(skip)('an upgrade with mail waiting', () => {
  it('loses nothing: what waits is relayed as it was stored, what is held or failed stays', async () => {
    const certificate = await makeCertificate(at.folder);
    sink = await startSink({ folder: at.folder, certificate });
    const server = await at.serve();
    expect(server.log()).toContainEqual(
      expect.objectContaining({
        event: 'storage.migrated',
        from: BEFORE.length,
        to: migrations.length,
        copy: `${join(at.data, 'postern.db')}.before-${migrations.length}`,
      }),
    );
    const url = `smtp+starttls://${SINK_LOGIN.user}@localhost:${sink.port}`;
    await addUpstream(at, 'sink', { url, password: SINK_LOGIN.password, ca: certificate.certificate });
    await waitFor('four messages', async () => (await queueStats(at))['relayed'] === 5);
    const sizes = sink.records().map(({ size }) => size);
    expect(sizes.toSorted()).toEqual(
      ['M1', 'M2', 'M3', 'M4'].map(id => octetsOf({ id, state: 'queued', content: 'body' }).length),
    );
    expect(await queueStats(at)).toMatchObject({ held: 1, failed: 1, queued: 0, in_flight: 0, deferred: 0 });
    expect((await at.cli(['queue', 'release', 'M5'])).code).toBe(0);
    await waitFor('the one that was held', async () => (await queueStats(at))['relayed'] === 6);
    const [failed] = (await at.json(['queue', 'list', '--state', 'failed'])) as readonly unknown[];
    expect(field(failed, 'id')).toBe('M6');
    await server.stop();
  });

  it('can be taken back by commands that an older Postern prints, and loses nothing of what was accepted since', async () => {
    const path = join(at.data, 'postern.db');
    const spool = join(at.data, 'spool');
    const server = await at.serve();
    await at.cli(['upstream', 'pause', 'sink']);
    const account = await addAccount(at, 'scanner');
    const message = Buffer.from(`Subject: scan\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(40_000)}`);
    expect(await submit({ at, account }, { message })).toMatch(/^250 /);
    expect(readdirSync(spool)).toHaveLength(2);
    const commands = wayBack(path);
    // What was accepted last stands only in the log of the database.
    await server.kill9();
    expect(existsSync(`${path}-wal`)).toBe(true);

    expect(run(commands)).toBe(0);
    expect(migrate({ path, migrations: BEFORE })).toMatchObject({ from: BEFORE.length, to: BEFORE.length });
    // As an older Postern does, which knows neither.
    for (const name of readdirSync(spool)) rmSync(join(spool, name));

    rmSync(spool, { recursive: true });
    renameSync(`${spool}.newer`, spool);
    for (const end of ['', '-wal', '-shm']) {
      rmSync(`${path}${end}`, { force: true });
      if (existsSync(`${path}.newer${end}`)) renameSync(`${path}.newer${end}`, `${path}${end}`);
    }
    const again = await at.serve();
    await at.cli(['upstream', 'resume', 'sink']);
    await waitFor('the scan', async () => (await queueStats(at))['relayed'] === 7);
    expect(sink.records().at(-1)?.bodySize).toBe(message.length - 'Subject: scan\r\n\r\n'.length);
    await again.stop();
  });

  it('does not overwrite what an earlier way back has kept', () => {
    const path = join(at.data, 'postern.db');
    writeFileSync(`${path}.before-${migrations.length}`, 'a copy');
    mkdirSync(join(at.data, 'spool.newer'));
    expect(run(wayBack(path))).not.toBe(0);
    expect(migrate({ path })).toMatchObject({ from: migrations.length });
  });
});

/** The commands in the refusal of an older Postern. */
function wayBack(path: string): string {
  try {
    migrate({ path, migrations: BEFORE });
  } catch (error) {
    const [, commands] = /was written by a newer Postern .* then run: (.*)$/s.exec(String(error)) ?? [];
    if (commands !== undefined) return commands;
  }
  throw new Error('it was not refused with commands');
}

function run(commands: string): number | null {
  return spawnSync('sh', ['-c', commands]).status;
}
