// The upstreams in a real database: what operators do with them, what another process sees, and what is never stored
// readably.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeId, systemRandom } from '../../server/ids.ts';
import { upstreamUrl } from '../../server/relay/upstream.ts';
import type { Upstreams } from '../../server/relay/upstreams.ts';
import { createUpstreams } from '../../server/relay/upstreams.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { openSealer } from '../../server/storage/open-sealer.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { afterTest, goodIdentity, turnedClock } from './bench.ts';

const clock = turnedClock();
let path = '';
let upstreams: Upstreams;

async function open(): Promise<Upstreams> {
  const database = await openDatabase({
    path,
    onFatal: text => {
      throw new Error(text);
    },
  });
  afterTest(() => database.close());
  const newId = () => makeId(clock.now(), systemRandom);
  const sealing = await openSealer({
    path: join(dirname(path), 'sealing.key'),
    database,
    random: systemRandom,
    mayCreate: true,
    onWarning: text => {
      throw new Error(text);
    },
  });
  if (sealing.kind !== 'open') throw new Error(`the sealing key is ${sealing.kind}`);
  return createUpstreams({ database, clock, newId, sealer: sealing.sealer });
}

beforeEach(async () => {
  const folder = makeScratch('relay');
  afterTest(() => removeScratch(folder));
  path = join(folder, 'postern.db');
  migrate({ path });
  upstreams = await open();
});

const url = 'smtp+starttls://me@example.com@smtp.example.com:587';
const add = (name: string, more: object = {}) => {
  clock.turn(1);
  return upstreams.add({ name, url, password: 'geheim pässwört', ...more });
};

describe('adding', () => {
  it('keeps what was given; the first one is the default', async () => {
    expect(await add('Gmail')).toMatchObject({
      kind: 'done',
      upstream: { name: 'Gmail', isDefault: true, connections: 3 },
    });
    expect(await add('second')).toMatchObject({ upstream: { isDefault: false } });
    expect(upstreams.list().map(upstreamUrl)).toEqual([url, url]);
    const gmail = upstreams.find('gmail');
    expect(gmail && upstreams.password(gmail)).toBe('geheim pässwört');
  });

  it('refuses a name that exists, in any case', async () => {
    await add('Gmail');
    expect(await add('GMAIL ')).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('exists already'),
    });
  });

  it.each([
    [{ password: null }, /no password/],
    [{ url: 'smtps://smtp.example.com' }, /needs a user name/],
    [{ url: 'smtp://smtp.example.com' }, /not known/],
    [{ name: ' ' }, /empty/],
    [{ name: 'a\nb' }, /control/],
    [{ caPem: 'nonsense' }, /PEM/],
    [{ ehloName: 'two words' }, /EHLO name/],
    [{ connections: 0 }, /1 to 100/],
    [{ connections: 1.5 }, /1 to 100/],
  ])('refuses %j in words', async (more, words) => {
    expect(await add('x', more)).toMatchObject({ kind: 'refused', text: expect.stringMatching(words) });
    expect(upstreams.list()).toEqual([]);
  });

  it('takes a CA, an EHLO name and a number of connections', async () => {
    const { authority } = await goodIdentity();
    const more = { caPem: authority, ehloName: 'scan.example.com', connections: 1 };
    expect(await add('x', more)).toMatchObject({ upstream: more });
  });

  it('never stores the password readably', async () => {
    await add('x');
    const files = await Promise.all(
      [path, `${path}-wal`].map(file => readFile(file).catch(() => Buffer.alloc(0))),
    );
    expect(Buffer.concat(files).includes(Buffer.from('geheim'))).toBe(false);
  });
});

describe('changing', () => {
  it('raises the revision, and keeps what is not mentioned', async () => {
    await add('x');
    const changed = await upstreams.set('X', { url: 'smtps://other@example.com@smtp.example.net' });
    expect(changed).toMatchObject({
      upstream: { revision: 2, scheme: 'smtps', port: 465, user: 'other@example.com' },
    });
    const x = upstreams.find('x');
    expect(x && upstreams.password(x)).toBe('geheim pässwört');
  });

  it('of the password, and back to none', async () => {
    await add('x');
    await upstreams.set('x', { password: 'new' });
    const x = upstreams.find('x');
    expect(x && upstreams.password(x)).toBe('new');
    expect(await upstreams.set('x', { url: 'smtps://smtp.example.com' })).toMatchObject({
      upstream: { user: null, sealedPassword: null },
    });
    expect(await upstreams.set('x', { password: 'lost' })).toMatchObject({ kind: 'refused' });
  });

  it('of the default leaves exactly one', async () => {
    await add('a');
    await add('b');
    await upstreams.set('b', { makeDefault: true });
    expect(upstreams.list().map(upstream => [upstream.name, upstream.isDefault])).toEqual([
      ['a', false],
      ['b', true],
    ]);
  });

  it('pauses, resumes, and forgets a fault', async () => {
    await add('x');
    expect(await upstreams.pause('x')).toMatchObject({ upstream: { pausedAt: clock.now(), revision: 2 } });
    const paused = upstreams.find('x');
    if (paused === null) throw new Error('x is gone');
    await upstreams.recordFault(paused, { kind: 'tls', text: 'bad', since: 1, nextProbeAt: 2 });
    expect(upstreams.find('x')).toMatchObject({
      fault: { kind: 'tls', text: 'bad', since: 1, nextProbeAt: 2 },
      revision: 2,
    });
    expect(await upstreams.resume('x')).toMatchObject({
      upstream: { pausedAt: null, fault: null, revision: 3 },
    });
    await upstreams.recordFault(paused, { kind: 'tls', text: 'stale', since: 1, nextProbeAt: 2 });
    expect(upstreams.find('x')?.fault).toBeNull();
  });

  it.each([
    'set',
    'pause',
    'resume',
    'remove',
  ] as const)('an unknown one (%s) names those that exist', async act => {
    await add('Gmail');
    const result = await (act === 'set'
      ? upstreams.set('gmial', { password: 'x' })
      : upstreams[act]('gmial'));
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringMatching(/"gmial".*Gmail/) });
  });
});

describe('removing', () => {
  it('is soft, frees the name, and forgets the password', async () => {
    await add('x');
    const id = upstreams.find('x')?.id;
    expect(await upstreams.remove('x')).toMatchObject({ kind: 'done', upstream: { name: 'x' } });
    expect(upstreams.list()).toEqual([]);
    expect(await add('x')).toMatchObject({ upstream: { isDefault: true } });
    expect(upstreams.find('x')?.id).not.toBe(id);
  });

  it('of the default asks first which one follows', async () => {
    await add('a');
    await add('b');
    expect(await upstreams.remove('a')).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('set b --default'),
    });
    expect(await upstreams.remove('b')).toMatchObject({ kind: 'done' });
  });
});

it('another process’s change is seen soon', async () => {
  const elsewhere = await open();
  let changes = 0;
  upstreams.onChange(() => changes++);
  await elsewhere.add({ name: 'x', url: 'smtps://smtp.example.com' });
  for (let i = 0; i < 500 && upstreams.list().length === 0; i++) await sleep(10);
  expect(upstreams.find('x')).toMatchObject({ host: 'smtp.example.com' });
  expect(changes).toBeGreaterThan(0);
});

it('a password sealed for one upstream opens for no other', async () => {
  await add('a');
  await add('b');
  const [a, b] = upstreams.list();
  if (a === undefined || b === undefined) throw new Error('two were added');
  expect(upstreams.password({ ...b, sealedPassword: a.sealedPassword })).toBeNull();
});

describe('what is learned about an upstream', () => {
  const fault = { kind: 'credentials', text: 'wrong', since: 1, nextProbeAt: 2 } as const;

  it('is no change by the operator', async () => {
    await add('x');
    const x = upstreams.find('x');
    if (x === null) throw new Error('x is gone');
    await upstreams.recordFault(x, fault);
    await upstreams.recordAnnouncedSize(x, 12_345);
    expect(upstreams.find('x')).toMatchObject({ fault, announcedSize: 12_345, revision: x.revision });
  });

  it('is forgotten when it is seen to work, as a change; without a fault nothing happens', async () => {
    await add('x');
    const x = upstreams.find('x');
    if (x === null) throw new Error('x is gone');
    await upstreams.forgetFault(x);
    expect(upstreams.find('x')?.revision).toBe(x.revision);
    await upstreams.recordFault(x, fault);
    await upstreams.forgetFault(x);
    expect(upstreams.find('x')).toMatchObject({ fault: null, revision: x.revision + 1 });
  });

  it('of its size holds for its host', async () => {
    await add('x');
    const x = upstreams.find('x');
    if (x === null) throw new Error('x is gone');
    await upstreams.recordAnnouncedSize(x, 12_345);
    await upstreams.set('x', { connections: 1 });
    expect(upstreams.find('x')?.announcedSize).toBe(12_345);
    await upstreams.set('x', { url: 'smtps://me@example.com@smtp.example.net' });
    expect(upstreams.find('x')?.announcedSize).toBeNull();
  });
});
