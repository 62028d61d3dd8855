// Access tokens over a real OAuth server that replaces refresh tokens at each use and ends a consent whose token is shown
// twice: one refresh at a time, early, durable before use; outages, revocation, and a new consent by another process.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LEASE } from '../../../server/relay/oauth/consents.ts';
import type { TokenResult } from '../../../server/relay/oauth/token.ts';
import type { CommitResult, Database } from '../../../server/storage/database.ts';
import { MAILBOX } from '../../support/oauth-server.ts';
import { until } from '../bench.ts';
import { makeOAuthWorld, NAME, type OAuthProcess, type OAuthWorld } from './oauth-world.ts';

async function consented(options: Parameters<typeof makeOAuthWorld>[0] = {}) {
  const world = await makeOAuthWorld(options);
  const process = await world.open();
  await world.add(process);
  await world.consent(process);
  return { ...world, world, process };
}

const ask = ({ tokens, upstream }: OAuthProcess) => tokens.tokenFor(upstream());
const tokenOf = (result: TokenResult): string => (result.kind === 'token' ? result.token : result.fault.text);
const refreshes = ({ server }: OAuthWorld) =>
  server.answered().filter(({ grant }) => grant === 'refresh_token');
const DOWN = { kind: 'answer', status: 503, body: '<html>Sorry</html>', type: 'text/html' } as const;

describe('an access token', () => {
  it('is got once, however many wait for it', async () => {
    const { world, process } = await consented();
    const results = await Promise.all(Array.from({ length: 20 }, () => ask(process)));
    expect(new Set(results.map(tokenOf)).size).toBe(1);
    expect(refreshes(world)).toHaveLength(1);
  });

  it('is replaced before its end, while it still serves', async () => {
    const { world, process, clock } = await consented({ lives: { accessToken: 100 } });
    const first = tokenOf(await ask(process));
    clock.pass(60_000);
    expect(tokenOf(await ask(process))).toBe(first);
    clock.pass(20_000);
    expect(tokenOf(await ask(process))).toBe(first);
    await until(() => refreshes(world).length === 2);
    await expect.poll(async () => tokenOf(await ask(process))).not.toBe(first);
    expect(refreshes(world).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('is counted by the monotonic clock alone', async () => {
    const { world, process, clock } = await consented();
    const first = tokenOf(await ask(process));
    for (const year of [1970, 2099]) {
      clock.setWall(Date.UTC(year, 1));
      expect(tokenOf(await ask(process))).toBe(first);
    }
    clock.pass(3_700_000);
    expect(tokenOf(await ask(process))).not.toBe(first);
    expect(refreshes(world)).toHaveLength(2);
  });

  it('serves on through an outage of the provider, until its end; then the outage is the fault, and passes', async () => {
    const { world, process, clock, server, logged } = await consented({ lives: { accessToken: 100 } });
    const first = tokenOf(await ask(process));
    server.answerAlways(DOWN);
    clock.pass(80_000);
    expect(tokenOf(await ask(process))).toBe(first);
    await until(() => logged.some(({ event }) => event === 'oauth.refresh_failed'));
    expect(tokenOf(await ask(process))).toBe(first);
    clock.pass(20_000);
    const fault = await ask(process);
    expect(fault).toMatchObject({
      fault: {
        kind: 'unreachable',
        reply: null,
        text: expect.stringMatching(/127\.0\.0\.1.*out of order/),
      },
    });
    server.answerAlways(null);
    expect(await ask(process)).toMatchObject({ kind: 'token' });
    expect(refreshes(world).every(({ status }) => status === 200)).toBe(true);
  });

  it.each([
    [
      'a page',
      { kind: 'answer', status: 200, body: '<html>Log in to this network</html>', type: 'text/html' },
      /proxy or login page/,
    ],
    [
      'half an answer',
      { kind: 'answer', status: 200, body: '{"token_type":"Bearer"}' },
      /something incomplete/,
    ],
    [
      'a redirect',
      { kind: 'answer', status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } },
      /sends us elsewhere/,
    ],
    ['no answer at all', { kind: 'cut' }, /broke the connection/],
    [
      'more than an answer',
      { kind: 'answer', status: 200, body: `{"x":"${'x'.repeat(100_000)}"}` },
      /with a page/,
    ],
  ] as const)('is not found in %s, which is an outage', async (_, odd, text) => {
    const { process, server } = await consented();
    server.answerNext(odd);
    expect(await ask(process)).toMatchObject({
      fault: { kind: 'unreachable', text: expect.stringMatching(text) },
    });
    expect(await ask(process)).toMatchObject({ kind: 'token' });
  });

  it('is taken from a server that does not keep to the letter; the next refresh token is kept', async () => {
    const { world, process, clock, server } = await consented();
    const body = { access_token: 'odd', refresh_token: 'the next one', expires_in: null, scope: ['mail'] };
    server.answerNext({ kind: 'answer', status: 200, body: JSON.stringify(body) });
    expect(tokenOf(await ask(process))).toBe('odd');
    const kept = await (await world.open()).consents.find(process.upstream().id);
    expect(kept?.refreshToken).toBe('the next one');
    clock.pass(3_700_000);
    server.answerNext({
      kind: 'answer',
      status: 200,
      body: JSON.stringify({ ...body, refresh_token: null }),
    });
    expect(await ask(process)).toMatchObject({ kind: 'token' });
    expect((await process.consents.find(process.upstream().id))?.refreshToken).toBe('the next one');
  });

  it('is asked for early, and then as seldom as the provider wants', async () => {
    const { process, clock, server, logged } = await consented({ lives: { accessToken: 3600 } });
    await ask(process);
    const slow = { kind: 'answer', status: 429, body: '{}', headers: { 'retry-after': '120' } } as const;
    server.answerAlways(slow);
    clock.pass(3_300_000);
    const asked = server.tokenRequests();
    const triesAfter = async (milliseconds: number) => {
      clock.pass(milliseconds);
      expect(await ask(process)).toMatchObject({ kind: 'token' });
      await sleep(50);
      return server.tokenRequests() - asked;
    };
    expect(await triesAfter(0)).toBe(1);
    await until(() => logged.some(({ event }) => event === 'oauth.refresh_failed'));
    expect(await triesAfter(60_000)).toBe(1);
    expect(await triesAfter(70_000)).toBe(2);
  });

  it('is not waited for without end', async () => {
    const { world, server } = await consented();
    const process = await world.open({ patience: 500 });
    server.answerNext({ kind: 'hang' });
    expect(await ask(process)).toMatchObject({
      fault: { kind: 'unreachable', text: expect.stringMatching(/did not answer in time/) },
    });
    expect(await ask(await world.open())).toMatchObject({ kind: 'token' });
  });

  it('is not waited for when the server stops, and the consent is free for others', async () => {
    const { world, process, server, logged } = await consented();
    server.answerNext({ kind: 'hang' });
    const asking = ask(process);
    const holder = async () => (await process.database.read('SELECT busy_by FROM consent'))[0]?.['busy_by'];
    await expect.poll(holder).not.toBeNull();
    await process.tokens.stop(50);
    expect(await asking).toMatchObject({ fault: { kind: 'unreachable' } });
    expect(await ask(await world.open())).toMatchObject({ kind: 'token' });
    expect(logged.map(({ event }) => event)).toEqual(['oauth.refreshed']);
  });

  it('of a provider that is not there is an outage', async () => {
    const { process, server } = await consented();
    await server.stop();
    expect(await ask(process)).toMatchObject({
      fault: { kind: 'unreachable', text: expect.stringMatching(/no way to 127\.0\.0\.1.*ECONNREFUSED/) },
    });
  });
});

describe('a refused access token', () => {
  it('is replaced once by force, unless it is new itself', async () => {
    const { world, process, clock } = await consented();
    const another = (refused: string) => process.tokens.anotherThan(process.upstream(), refused);
    const first = tokenOf(await ask(process));
    expect(tokenOf(await another(first))).toBe(first);
    clock.pass(31_000);
    const [second, third] = (await Promise.all([another(first), another(first)])).map(tokenOf);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    expect(tokenOf(await another(first))).toBe(second);
    expect(refreshes(world)).toHaveLength(2);
  });
});

describe('a refresh token', () => {
  it('is replaced at each use, by two processes at once, and never used twice', async () => {
    const { world, process, server } = await consented();
    const other = await world.open();
    server.setDelay(20);
    for (let round = 0; round < 4; round++) {
      const both = [process, other].map(({ tokens, upstream }) => tokens.renew(upstream()));
      expect((await Promise.all(both)).map(({ kind }) => kind)).toEqual(['token', 'token']);
    }
    expect(refreshes(world).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  });

  it('of a process that died in between is taken over when its lease has ended, or lies in an absurd future', async () => {
    const { process, clock } = await consented();
    const claim = async () => {
      const consent = await process.consents.find(process.upstream().id);
      return process.consents.lease(process.upstream().id, consent?.generation ?? 0);
    };
    expect(await claim()).toMatchObject({ store: expect.any(Function) });
    expect(await claim()).toBeNull();
    // Whoever read the clock before, and came to the database after.
    clock.pass(-5000);
    expect(await claim()).toBeNull();
    clock.pass(5000 + LEASE + 1);
    expect(await claim()).not.toBeNull();
    // The clock was days ahead when it was claimed.
    clock.pass(-3 * 86_400_000);
    expect(await claim()).not.toBeNull();
  });

  it('of a server that died is free when the next one starts, that of a command is not', async () => {
    const { world, process } = await consented();
    const command = await world.open({ as: 'command' });
    const claim = async ({ consents, upstream }: OAuthProcess) => {
      const consent = await consents.find(upstream().id);
      return consents.lease(upstream().id, consent?.generation ?? 0);
    };
    expect(await claim(process)).not.toBeNull();
    expect(await claim(command)).toBeNull();
    await process.consents.releaseFormer();
    expect(await claim(command)).not.toBeNull();
    await process.consents.releaseFormer();
    expect(await claim(process)).toBeNull();
  });

  it('is waited for while another process uses it', async () => {
    const { process } = await consented();
    const { id } = process.upstream();
    const consent = await process.consents.find(id);
    const lease = await process.consents.lease(id, consent?.generation ?? 0);
    if (lease === null || 'kind' in lease) throw new Error('no lease');
    const asking = ask(process);
    expect(await Promise.race([asking, sleep(300, 'waits')])).toBe('waits');
    await lease.release();
    expect(await asking).toMatchObject({ kind: 'token' });
  });

  it('that could not be stored is not lost, and until it is stored its access token is not used', async () => {
    const world = await makeOAuthWorld();
    const disk = { full: false };
    const process = await world.open({ through: database => whileFull(database, disk) });
    await world.add(process);
    await world.consent(process);
    disk.full = true;
    expect(await ask(process)).toMatchObject({
      fault: { kind: 'unreachable', text: expect.stringMatching(/disk is full/) },
    });
    expect(refreshes(world)).toHaveLength(1);
    expect(await ask(process)).toMatchObject({ fault: { kind: 'unreachable' } });
    disk.full = false;
    expect(await ask(process)).toMatchObject({ kind: 'token' });
    expect(refreshes(world).map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a consent that was revoked', () => {
  it('is a fault that says so, until somebody consents again in another process', async () => {
    const { world, process, server } = await consented();
    const { tokens, upstream } = process;
    const old = tokenOf(await ask(process));
    server.revokeConsents();
    expect(await tokens.renew(upstream())).toMatchObject({
      fault: {
        kind: 'consent',
        reply: expect.stringMatching(/^invalid_grant: /),
        text: expect.stringMatching(
          /does not take the consent any more.*`postern upstream authorize provider`/,
        ),
      },
    });
    const { revision } = upstream();
    const startedAt = performance.now();
    await world.consent(await world.open());
    await until(() => upstream().revision === revision + 1);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    const anew = tokenOf(await ask(process));
    expect(anew).not.toBe(old);
    expect(await server.mailboxOf(anew)).toBe(MAILBOX);
  });

  it('is said where nobody has consented yet', async () => {
    const world = await makeOAuthWorld();
    const process = await world.open();
    await world.add(process);
    expect(await ask(process)).toMatchObject({
      fault: { kind: 'consent', text: expect.stringMatching(/Nobody has authorised Postern at provider/) },
    });
    expect(world.server.tokenRequests()).toBe(0);
  });

  it('is what counts where it came while an older one was refreshed', async () => {
    const { world, process, server } = await consented();
    server.setDelay(500);
    const refreshing = process.tokens.renew(process.upstream());
    await until(() => refreshes(world).length === 1);
    const other = await world.open();
    await world.consent(other);
    expect(await refreshing).toMatchObject({ kind: 'token' });
    server.setDelay(0);
    expect(await other.tokens.tokenFor(other.upstream())).toMatchObject({ kind: 'token' });
    expect(refreshes(world).every(({ status }) => status === 200)).toBe(true);
  });
});

describe('no secret', () => {
  it('stands in log, faults, or database', async () => {
    const { world, process, server, logged } = await consented();
    const said: string[] = [];
    const note = async (asking: Promise<TokenResult>) => {
      const result = await asking;
      said.push(result.kind === 'fault' ? JSON.stringify(result.fault) : '');
    };
    const { tokens, upstream } = process;
    await note(tokens.renew(upstream()));
    // A provider that repeats what it refuses.
    const row = await process.consents.find(upstream().id);
    const body = JSON.stringify({
      error: 'invalid_grant',
      error_description: `bad token ${row?.refreshToken}`,
    });
    server.answerNext({ kind: 'answer', status: 400, body });
    await note(tokens.renew(upstream()));
    server.revokeConsents();
    await note(tokens.renew(upstream()));
    expect(said.filter(text => text.includes('invalid_grant'))).toHaveLength(2);
    expect(said.join()).toContain('bad token ***');
    const seen = `${said.join()} ${JSON.stringify(logged)} ${world.octets().toString('latin1')}`;
    const secrets = server.secrets();
    expect(secrets.length).toBeGreaterThan(8);
    expect(secrets.filter(secret => seen.includes(secret))).toEqual([]);
    expect(seen).toContain(NAME);
  });
});

/** A disk that takes no rotated tokens while it is full: what was claimed before, it took. */
function whileFull(database: Database, disk: Readonly<{ full: boolean }>): Database {
  const full: CommitResult = { kind: 'full', text: 'no space left on device' };
  return {
    ...database,
    commit: async (group, options) => {
      const isRotation = group.some(({ sql }) => sql.includes('generation = generation + 1'));
      return disk.full && isRotation ? full : database.commit(group, options);
    },
  };
}
