// Damage by a failing disk. Of the database: the start is refused in words that name the way out, and nothing is changed, whatever
// the damage is. Of one stored message: that one is held and reported, all others go on.

import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openConnection } from '../../server/storage/sqlite.ts';
import { waitFor } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { seededRandom } from './random.ts';
import { drained, listed, openScene, type Scene } from './scene.ts';

const PAGE = 4096;

let scene: Scene;
/** The database, whole and closed, with mail in it. */
let whole: Buffer;
const path = (...names: readonly string[]) => join(scene.at.data, ...names);

beforeAll(async () => {
  scene = await openScene({ queue: { retry_min: '1s', retry_max: '2s' } });
  expect((await scene.at.cli(['upstream', 'pause', 'provider'])).code).toBe(0);
  const server = await scene.at.serve();
  for (let i = 0; i < 6; i++) await scene.send(`small-${i}`);
  for (let i = 0; i < 4; i++) await scene.send(`large-${i}`, { octets: 200_000 });
  await server.stop();
  whole = readFileSync(path('postern.db'));
});

afterAll(async () => scene?.close());

/** Every file of the data folder that holds mail or settings. */
function picture(): readonly string[] {
  return readdirSync(scene.at.data, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !/^(ballast|observations.*|postern\.lock.*|.*-shm)$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .toSorted()
    .map(file => `${file} ${statSync(file).size} ${readFileSync(file).toString('base64')}`);
}

function overwrite(file: string, at: number, octets: Uint8Array): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, octets, 0, octets.length, at);
  closeSync(descriptor);
}

const noise = (random: () => number, size: number) =>
  Buffer.from(Array.from({ length: size }, () => random() * 256));

describe('a damaged database', () => {
  const seed = Date.now() % 1_000_000;
  noteLine(`damage: seed ${seed}`);
  const random = seededRandom(seed);

  it.each<[string, () => void]>([
    ['random octets over its first page', () => overwrite(path('postern.db'), 0, noise(random, PAGE))],
    [
      'random octets over all its other pages',
      () => overwrite(path('postern.db'), PAGE, noise(random, whole.length - PAGE)),
    ],
    [
      'the second half cut off',
      () => truncateSync(path('postern.db'), whole.length / 2 - ((whole.length / 2) % PAGE)),
    ],
    ['cut off in the middle of a page', () => truncateSync(path('postern.db'), 3 * PAGE + 100)],
    ['no octets at all', () => truncateSync(path('postern.db'), 0)],
    ['not there', () => rmSync(path('postern.db'))],
    ['text in its place', () => writeFileSync(path('postern.db'), 'Dear diary, '.repeat(2000))],
  ])('%s: is refused, and nothing is changed', async (_what, damage) => {
    damage();
    const before = picture();
    const server = await scene.at.serve({ waitUntilReady: false });
    try {
      const exit = await Promise.race([server.exited, waitFor('an end', () => false, 15_000)]);
      expect(exit).toEqual({ code: 1, signal: null });
      const line = server.stderr().trim().split('\n').at(-1) ?? '';
      expect(line).toMatch(/^postern: The database .*postern\.db .*postern restore FILE/);
      expect(picture()).toEqual(before);
    } finally {
      await server.kill9();
      for (const end of ['', '-wal', '-shm']) rmSync(path(`postern.db${end}`), { force: true });
      writeFileSync(path('postern.db'), whole, { mode: 0o600 });
    }
  });

  it('is refused to commands too', async () => {
    overwrite(path('postern.db'), 0, noise(random, PAGE));
    const command = await scene.at.cli(['queue', 'list']);
    expect(command.code).toBe(1);
    expect(command.stderr).toMatch(/^postern: The database .*postern\.db .*postern restore FILE/);
    writeFileSync(path('postern.db'), whole, { mode: 0o600 });
  });

  it('whose log ends in garbage is used up to there, and has lost nothing', async () => {
    // A log that a power loss cut: its last frames are garbage, and say so by their checksums.
    const server = await scene.at.serve();
    await scene.send('before-the-garbage');
    await server.kill9();
    appendFileSync(path('postern.db-wal'), noise(random, 3 * PAGE));
    const again = await scene.at.serve();
    expect((await listed(scene.at)).map(({ name }) => name)).toContain('before-the-garbage');
    await again.stop();
    whole = readFileSync(path('postern.db'));
  });

  it('whose log begins with garbage is refused: without it, acknowledged mail would silently be gone', async () => {
    const server = await scene.at.serve();
    await scene.send('in-the-log');
    await server.kill9();
    const log = readFileSync(path('postern.db-wal'));
    overwrite(path('postern.db-wal'), 0, noise(random, 8));
    const refused = await scene.at.cli(['queue', 'list']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/beginning of its log .*postern restore FILE/);
    writeFileSync(path('postern.db-wal'), log, { mode: 0o600 });
    const again = await scene.at.serve();
    expect((await listed(scene.at)).map(({ name }) => name)).toContain('in-the-log');
    await again.stop();
    whole = readFileSync(path('postern.db'));
  });
});

describe('damaged content', () => {
  it('is held and told of, each message for itself, and all others go on', async () => {
    const server = await scene.at.serve();
    const idOf = new Map((await listed(scene.at)).map(({ name, id }) => [name, id]));
    const file = (name: string) => path('spool', `${idOf.get(name)}.eml`);
    rmSync(file('large-0'));
    overwrite(file('large-1'), 100_000, Buffer.from('not what was stored'));
    truncateSync(file('large-2'), 100_000);
    const connection = openConnection(path('postern.db'), 'durable');
    const spoilt = connection.prepare('UPDATE body SET octets = ? WHERE message_id = ?');
    spoilt.run(Buffer.from('not what was stored'), idOf.get('small-0'));
    connection.prepare('DELETE FROM body WHERE message_id = ?').run(idOf.get('small-1'));
    connection.close();
    // Read again from the disk, not from memory.
    await server.stop();
    const again = await scene.at.serve();
    expect((await scene.at.cli(['upstream', 'resume', 'provider'])).code).toBe(0);

    const damaged = ['large-0', 'large-1', 'large-2', 'small-0', 'small-1'];
    const others = [...idOf.keys()].filter(name => !damaged.includes(name));
    await scene.arrived(others);
    const raised = () => again.log().filter(({ event, kind }) => event === 'alert' && kind === 'mail-held');
    await waitFor('the alerts', () => raised().length === damaged.length);
    const told = raised().map(line => String(line['text']));
    const held = (await listed(scene.at)).filter(item => item.heldBecause === 'damaged');
    expect(held.map(({ name }) => name).toSorted()).toEqual(damaged);
    for (const { id, name } of held) {
      const text = told.find(one => one.includes(id)) ?? '';
      expect(text, name).toMatch(/is held.*All other mail goes on.*postern queue show/);
      expect(scene.copies(name), name).toBe(0);
    }
    // It is no fault of the upstream that a message breaks off.
    expect(again.log().filter(line => line.event === 'upstream.fault')).toEqual([]);
    const stats = await drained(scene.at);
    expect(stats).toMatchObject({ relayed: others.length, held: damaged.length, failed: 0, expired: 0 });
    for (const name of others) expect(scene.copies(name), name).toBe(1);
  });
});
