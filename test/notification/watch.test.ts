// What is watched, and when it is said: pure decisions as tables, and the loop over a real database.

import { describe, expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import { createWatch } from '../../server/notification/watch.ts';
import { certificateAlert } from '../../server/notification/watch-certificate.ts';
import { oldPasswordsAlert } from '../../server/notification/watch-passwords.ts';
import { createQueue } from '../../server/queue/queue.ts';
import type { CertificateDescription } from '../../server/tls/certificate-source.ts';
import { DAY, HOUR, MINUTE, makeWorld, NOW } from '../audit/support.ts';
import { newMessage } from '../queue/support.ts';
import { freshDatabase } from '../storage/fresh-database.ts';

function certificate(
  kind: 'own' | 'local',
  end: number,
  authorityEnd = NOW + 5_000 * DAY,
): CertificateDescription {
  const facts = (until: number, path: string) => ({
    subject: 'CN=x',
    names: ['x'],
    fingerprint_sha256: '',
    not_before: new Date(NOW - 300 * DAY).toISOString(),
    not_after: new Date(until).toISOString(),
    path,
    key_type: 'ec',
  });
  return {
    ...facts(end, ''),
    kind,
    ca: kind === 'own' ? null : facts(authorityEnd, '/data/tls/ca.crt'),
    certificates: [facts(end, kind === 'own' ? '/etc/full.pem' : '/data/tls/leaf-ec.crt')],
    warnings: [],
  };
}

describe('the end of a certificate', () => {
  const stages = (kind: 'own' | 'local', daysAhead: readonly number[]) =>
    daysAhead.map(
      days => certificateAlert(certificate(kind, NOW + days * DAY), NOW)?.subject.split(',')[1] ?? null,
    );

  it('of one’s own is said 30, 14, 7, 3 and 1 days ahead, each once, and daily after it', () => {
    expect(stages('own', [31, 30, 15, 14, 8, 7, 3.5, 3, 2, 1, 0.1])).toEqual([
      null,
      ' 30 days before its end on 2026-12-20',
      ' 30 days before its end on 2026-12-05',
      ' 14 days before its end on 2026-12-04',
      ' 14 days before its end on 2026-11-28',
      ' 7 days before its end on 2026-11-27',
      ' 7 days before its end on 2026-11-23',
      ' 3 days before its end on 2026-11-23',
      ' 3 days before its end on 2026-11-22',
      ' 1 day before its end on 2026-11-21',
      ' 1 day before its end on 2026-11-20',
    ]);
    expect(stages('own', [0, -0.5, -1, -2.9, -400])).toEqual([
      ' ended on 2026-11-20',
      ' ended on 2026-11-19',
      ' 1 day after its end on 2026-11-19',
      ' 2 days after its end on 2026-11-17',
      ' 400 days after its end on 2025-10-16',
    ]);
  });

  it('of the local CA’s leaf is said only when its renewal has not happened', () => {
    expect(stages('local', [29, 15])).toEqual([null, null]);
    const alert = certificateAlert(certificate('local', NOW + 13 * DAY), NOW);
    expect(alert?.subject).toBe('/data/tls/leaf-ec.crt, 14 days before its end on 2026-12-03');
    expect(alert?.text).toContain('should have been renewed');
  });

  it('that is the end of the local CA itself says what to do about that', () => {
    const end = NOW + 2 * DAY;
    expect(certificateAlert(certificate('local', end, end), NOW)?.text).toContain(
      'let the devices trust the new CA',
    );
  });
});

describe('old passwords', () => {
  const account = (name: string, days: number, more = {}) => ({
    name,
    enabled: true,
    expiresAt: null,
    passwordChangedAt: NOW - days * DAY,
    ...more,
  });
  const told = (accounts: Parameters<typeof oldPasswordsAlert>[0], age = 90 * DAY) =>
    oldPasswordsAlert(accounts, { age, now: NOW });

  it('are said of one account by its name', () => {
    expect(told([account('nas', 10), account('scanner', 91)])).toMatchObject({
      kind: 'credential-old',
      account: 'scanner',
      text: expect.stringMatching(
        /^The password of account "scanner" is older than 90d: it was set on 2026-08-21\. .*: postern account password scanner --grace 7d$/,
      ),
    });
  });

  it('are said of many together, the oldest first', () => {
    const accounts = [1, 2, 3, 4, 5, 6, 7].map(index => account(`cam ${index}`, 100 + index));
    const set = (index: number) => `postern account password 'cam ${index}' --grace 7d`;
    expect(told(accounts)?.text).toBe(
      `The passwords of 7 accounts are older than 90d. Set new ones, with the old ones in force meanwhile: ${[7, 6, 5, 4, 3].map(set).join('; ')}; and 2 more`,
    );
  });

  it.each([
    ['at 0, which is off', [account('scanner', 5000)], 0],
    ['of a disabled account', [account('scanner', 100, { enabled: false })], 90 * DAY],
    ['of an expired account', [account('scanner', 100, { expiresAt: NOW - 1 })], 90 * DAY],
    ['of none', [], 90 * DAY],
  ])('are not said %s', (_, accounts, age) => {
    expect(told(accounts, age)).toBeNull();
  });
});

async function setUp() {
  const world = makeWorld();
  const { database } = await freshDatabase();
  const raised: Alert[] = [];
  const state = {
    room: 1_000,
    trusted: true,
    end: NOW + 400 * DAY,
    passwordAge: 0,
    secretEnd: NOW + 400 * DAY,
  };
  const watch = createWatch({
    ...world,
    database,
    raise: alert => raised.push(alert),
    clockTrusted: () => state.trusted,
    disk: { room: async () => state.room },
    certificates: { describe: () => certificate('own', state.end) },
    accounts: () => [
      { name: 'nas', enabled: true, expiresAt: null, passwordChangedAt: NOW - state.passwordAge },
    ],
    authorizations: async () =>
      ['a', 'b'].map(upstream => ({
        ...({ upstream, what: 'client-secret', provider: 'microsoft', life: null } as const),
        endsAt: state.secretEnd,
      })),
    dataFolder: '/data',
    mailAge: 4 * HOUR,
    credentialAge: 90 * DAY,
  });
  const kinds = () => raised.map(alert => alert.kind);
  const queue = createQueue({ database, newId: world.newId });
  return { ...world, database, queue, state, watch, raised, kinds };
}

describe('the watch', () => {
  it('says nothing while all is well', async () => {
    const { watch, pass, kinds } = await setUp();
    for (let i = 0; i < 5; i++) {
      await watch.look();
      pass(HOUR);
    }
    expect(kinds()).toEqual([]);
  });

  it('says when the disk is low, again after its time, and anew after it was well', async () => {
    const { watch, pass, state, kinds, raised } = await setUp();
    state.room = -1;
    for (let minute = 0; minute < 7 * 60; minute++) {
      await watch.look();
      pass(MINUTE);
    }
    expect(kinds()).toEqual(['disk-low', 'disk-low']);
    expect(raised[0]).toMatchObject({ subject: '/data', text: expect.stringContaining('/data') });
    state.room = 1;
    await watch.look();
    state.room = -1;
    await watch.look();
    expect(kinds()).toHaveLength(3);
  });

  it('says at once that the clock is wrong, and once as long as it is', async () => {
    const { watch, pass, state, setClock, raised } = await setUp();
    state.trusted = false;
    setClock(5_000);
    await watch.look();
    pass(MINUTE);
    await watch.look();
    expect(raised).toMatchObject([{ kind: 'clock-untrusted', text: expect.stringContaining('1970-01-01') }]);
  });

  it('believes no end of a certificate and no age while the clock is wrong', async () => {
    const { watch, pass, state, kinds, queue, setClock } = await setUp();
    await queue.enqueue(newMessage('M1'), NOW);
    state.trusted = false;
    setClock(NOW + 4_000 * DAY);
    await watch.look();
    pass(MINUTE);
    await watch.look();
    expect(kinds()).toEqual(['clock-untrusted']);
  });

  it('says each stage before the end of each authorization once, and none by a wrong clock', async () => {
    const { watch, pass, state, raised } = await setUp();
    state.secretEnd = NOW + 5 * DAY;
    state.trusted = false;
    await watch.look();
    expect(raised.map(({ kind }) => kind)).toEqual(['clock-untrusted']);
    state.trusted = true;
    for (let hour = 0; hour < 6 * 24; hour++) {
      await watch.look();
      pass(HOUR);
    }
    const said = raised.filter(({ kind }) => kind === 'authorization-ending').map(({ subject }) => subject);
    expect(said).toHaveLength(6);
    expect(new Set(said).size).toBe(6);
  });

  it('looks at certificate and passwords every hour, and says each stage once', async () => {
    const { watch, pass, state, kinds } = await setUp();
    state.end = NOW + 20 * DAY;
    state.passwordAge = 100 * DAY;
    for (let hour = 0; hour < 24; hour++) {
      await watch.look();
      pass(HOUR);
    }
    expect(kinds()).toEqual(['certificate-ending', 'credential-old']);
    for (let day = 0; day < 5; day++) {
      pass(DAY);
      await watch.look();
    }
    expect(kinds()).toEqual(['certificate-ending', 'credential-old', 'certificate-ending']);
  });
});

describe('mail that waits for too long', () => {
  it('is said with how much, since when, and why', async () => {
    const { watch, pass, queue, database, raised } = await setUp();
    await queue.enqueue(newMessage('M1', ['a@example.net', 'b@example.net']), NOW);
    pass(HOUR);
    await queue.enqueue(newMessage('M2'), NOW + HOUR);
    await watch.look();
    expect(raised).toEqual([]);
    await database.commit([
      {
        sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at,
          revision, fault_kind, fault_text) VALUES ('U', 'gmail', 'gmail', 'smtps', 'h', 465, 3, 1, 0, 1, 'credentials', ?)`,
        params: ['it refuses the password'],
      },
    ]);
    pass(3.5 * HOUR);
    await watch.look();
    expect(raised).toEqual([
      {
        kind: 'queue-old',
        subject: '',
        text: 'Mail for 2 recipients waits longer than 4h, the oldest since 2026-11-20 09:00 UTC. Upstream gmail: it refuses the password. "postern queue list" shows it.',
      },
    ]);
  });

  it.each([
    ['alert mail, which would beget alerts about itself', "UPDATE message SET kind = 'alert'"],
    ['what was relayed', "UPDATE recipient SET state = 'relayed'"],
    ['what failed', "UPDATE recipient SET state = 'failed'"],
    ['what is held', 'UPDATE message SET held_at = 1'],
  ])('is not said of %s', async (_, sql) => {
    const { watch, pass, queue, database, raised } = await setUp();
    await queue.enqueue(newMessage('M1'), NOW);
    await database.commit([{ sql }]);
    pass(10 * HOUR);
    await watch.look();
    expect(raised).toEqual([]);
  });

  it.each([
    ['there is no upstream', 'SELECT 1', /There is no upstream/],
    ['it is paused', 'UPDATE upstream SET paused_at = 1', /Upstream x is paused/],
    ['nothing is known', 'SELECT 1', /UTC\. "postern queue list"/],
  ])('because %s', async (why, sql, text) => {
    const { watch, pass, queue, database, raised } = await setUp();
    await queue.enqueue(newMessage('M1'), NOW);
    if (why !== 'there is no upstream') {
      await database.commit([
        {
          sql: `INSERT INTO upstream (id, name, canonical_name, scheme, host, port, connections, is_default, created_at,
            revision) VALUES ('U', 'x', 'x', 'smtps', 'h', 465, 3, 1, 0, 1)`,
        },
      ]);
    }
    if (sql.startsWith('UPDATE')) await database.commit([{ sql }]);
    pass(5 * HOUR);
    await watch.look();
    expect(raised[0]?.text).toMatch(text);
  });
});
