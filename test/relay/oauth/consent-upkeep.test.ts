// Consents that no mail needs are used daily all the same, and what is found out is said.

import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../server/notification/alert.ts';
import { createConsentUpkeep } from '../../../server/relay/oauth/consent-upkeep.ts';
import { knownEnds } from '../../../server/relay/oauth/known-ends.ts';
import { makeOAuthWorld, NAME, settingsFor } from './oauth-world.ts';

const HOUR = 3_600_000;

async function setUp() {
  const world = await makeOAuthWorld();
  const process = await world.open();
  await world.add(process);
  await world.consent(process);
  const alerts: Alert[] = [];
  let isTrusted = true;
  const upkeep = createConsentUpkeep({
    ...process,
    clock: world.clock,
    clockTrusted: () => isTrusted,
    raise: alert => void alerts.push(alert),
  });
  const uses = () => world.server.answered().filter(({ grant }) => grant === 'refresh_token').length;
  const hours = async (count: number) => {
    for (let hour = 0; hour < count; hour++) {
      world.clock.pass(HOUR);
      await upkeep.look();
    }
  };
  const distrust = () => {
    isTrusted = false;
  };
  return { world, process, alerts, uses, hours, distrust };
}

describe('a consent that no mail needs', () => {
  it('is used once a day', async () => {
    const { uses, hours } = await setUp();
    await hours(23);
    expect(uses()).toBe(0);
    await hours(50);
    expect(uses()).toBe(3);
  });

  it('is used daily while the clock is wrong too', async () => {
    const { world, uses, hours, distrust } = await setUp();
    distrust();
    world.clock.setWall(0);
    await hours(23);
    expect(uses()).toBe(0);
    await hours(25);
    expect(uses()).toBe(2);
  });

  it('is missed early: the operator hears that it is gone', async () => {
    const { world, alerts, hours } = await setUp();
    world.server.revokeConsents();
    await hours(25);
    expect(alerts).toMatchObject([
      {
        kind: 'upstream-fault',
        subject: expect.stringMatching(/^provider: consent \d+$/),
        text: expect.stringMatching(/postern upstream authorize provider.*Mail waits/),
      },
    ]);
  });

  it('is told of by its reason, also where another one was told of before somebody mended that', async () => {
    const { world, process, alerts, hours } = await setUp();
    const refused = (error: string) =>
      world.server.answerAlways({ kind: 'answer', status: 401, body: JSON.stringify({ error }) });
    refused('invalid_client');
    await hours(25);
    await process.upstreams.set(NAME, { ehloName: 'postern.example' });
    refused('invalid_scope');
    await hours(25);
    expect(alerts.map(({ text }) => /needs a secret|scopes/.exec(text)?.[0])).toEqual([
      'needs a secret',
      'scopes',
    ]);
    expect(new Set(alerts.map(({ subject }) => subject)).size).toBe(2);
  });

  it('is no reason to say anything while the provider is out of order', async () => {
    const { world, alerts, hours } = await setUp();
    world.server.answerAlways({ kind: 'answer', status: 500, body: '' });
    await hours(25);
    expect(alerts).toEqual([]);
  });
});

describe('the ends that are known', () => {
  it('are those of consents and of client secrets', async () => {
    const { world, process } = await setUp();
    const ends = async () => knownEnds(process.upstreams.list(), await process.consents.times());
    expect(await ends()).toEqual([]);
    const oauth = { ...settingsFor(world.server), testing: true, clientSecretEndsAt: 5 };
    await process.upstreams.set('provider', { oauth });
    const consent = await process.authorizer.consentOf(process.upstream());
    expect(await ends()).toMatchObject([
      { what: 'client-secret', endsAt: 5, life: null },
      { what: 'consent', upstream: 'provider', endsAt: consent?.endsAt, life: 7 * 24 * HOUR },
    ]);
  });
});
