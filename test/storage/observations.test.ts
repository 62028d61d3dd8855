// What may be lost: kept across restarts, shown before it is written, begun anew when damaged, and never in the way.

import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createObservations, prepareObservations } from '../../server/storage/observations.ts';
import { openDatabases } from '../../server/storage/open-database.ts';
import { waitFor } from '../support/process.ts';
import { afterTest, scratch } from './fresh-database.ts';

describe('observations', () => {
  it('shows at once what was seen, and still after a restart', async () => {
    const path = join(scratch(), 'observations.db');
    const first = await observe(path);
    expect(first.lastHeartbeat()).toBeNull();
    first.recordLogin('A', 100);
    first.recordLogin('A', 200);
    first.recordLogin('B', 50);
    first.heartbeat(1_000);
    expect(first.lastHeartbeat()).toBe(1_000);
    expect([...(await first.lastUsed())]).toEqual([
      ['A', 200],
      ['B', 50],
    ]);
    await first.close();
    const second = await observe(path);
    expect(second.lastHeartbeat()).toBe(1_000);
    second.recordLogin('A', 150); // a clock that was set back is believed: it is the last use, not the latest time
    await second.flush();
    expect((await second.lastUsed()).get('A')).toBe(150);
  });

  it('are read by another process meanwhile, once written', async () => {
    const path = join(scratch(), 'observations.db');
    const server = await observe(path);
    const command = await observe(path);
    server.recordLogin('A', 100);
    await server.flush();
    expect((await command.lastUsed()).get('A')).toBe(100);
  });

  it('keep where accounts logged in and what failed there, and write only what changed', async () => {
    const path = join(scratch(), 'observations.db');
    const first = await observe(path);
    const at = { key: '192.0.2.1', place: '192.0.2.1' };
    expect(first.loginAddresses.record('A', at, 100)).toBe('first');
    expect(first.loginAddresses.record('A', at, 200)).toBe('known');
    const withheld = { address: '192.0.2.1', mechanism: 'CRAM-MD5', accountId: 'A', endsAt: 9_000 };
    const other = { ...withheld, mechanism: 'SCRAM-SHA-256' };
    first.withheldMechanisms.withhold(withheld);
    first.withheldMechanisms.withhold(other);
    await first.flush();
    first.withheldMechanisms.release(other);
    await first.close();
    const second = await observe(path);
    expect(second.loginAddresses.record('A', at, 300)).toBe('known');
    expect(second.loginAddresses.isKnown('192.0.2.1')).toBe(true);
    expect(second.withheldMechanisms.at('192.0.2.1')).toEqual([withheld]);
  });

  it('lose what another process releases, and nothing that is not yet written', async () => {
    const path = join(scratch(), 'observations.db');
    const server = await observe(path);
    const withheld = { address: '192.0.2.1', mechanism: 'CRAM-MD5', accountId: 'A', endsAt: 9_000 };
    server.withheldMechanisms.withhold(withheld);
    server.withheldMechanisms.withhold({ ...withheld, accountId: 'B' });
    await server.flush();
    const command = await observe(path);
    const [first] = command.withheldMechanisms.all();
    if (first === undefined) throw new Error('nothing is withheld');
    command.withheldMechanisms.release(first);
    server.withheldMechanisms.withhold({ ...withheld, accountId: 'C' });
    await command.close();
    const left = () => server.withheldMechanisms.at('192.0.2.1').map(({ accountId }) => accountId);
    await waitFor('the release', () => left().length < 3);
    expect(left()).toEqual(['B', 'C']);
  });

  it('are begun anew by the holder where the file is damaged', () => {
    const path = join(scratch(), 'observations.db');
    writeFileSync(path, 'Dear diary, '.repeat(1_000));
    expect(prepareObservations(path, false)).toMatchObject({ path: ':memory:' });
    expect(prepareObservations(path, true)).toEqual({
      path,
      warning: expect.stringContaining('was damaged and was begun anew'),
    });
    expect(prepareObservations(path, true).warning).toBeNull();
  });

  it('fail quietly when the file breaks underneath', async () => {
    const path = join(scratch(), 'observations.db');
    const observations = await observe(path);
    observations.recordLogin('A', 100);
    await observations.flush();
    truncateSync(path, 0);
    truncateSync(`${path}-wal`, 0);
    observations.recordLogin('B', 200);
    expect((await observations.lastUsed()).get('B')).toBe(200);
    await observations.flush();
    await observations.close();
  });
});

async function observe(path: string) {
  const prepared = prepareObservations(path, true);
  expect(prepared.warning).toBeNull();
  const [database] = await openDatabases({
    files: [{ path: prepared.path, durability: 'relaxed' }],
    onFatal: text => {
      throw new Error(text);
    },
  });
  if (database === undefined) throw new Error('not opened');
  afterTest(() => database.close());
  return createObservations(database);
}
