// `upstream test` of sending APIs, against stand-ins that do what the providers document.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../server/ids.ts';
import { API_NAMES } from '../../server/relay/upstream-scheme.ts';
import { testUpstream, type UpstreamTestOptions } from '../../server/relay/upstream-test.ts';
import { type ApiBench, apiBench } from './api-bench.ts';
import { PATIENT } from './bench.ts';

function test({ upstream, credentials, clock }: ApiBench, more: Partial<UpstreamTestOptions> = {}) {
  return testUpstream({
    upstream,
    credentials,
    hostname: 'postern.example',
    clock,
    random: systemRandom,
    timeouts: PATIENT,
    ...more,
  });
}

describe('upstream test of a sending API', () => {
  it.each(API_NAMES)('%s goes through every step and sends nothing', async name => {
    const bench = await apiBench(name);
    const { ok, checks } = await test(bench);
    expect(checks.filter(check => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map(check => check.name)).toEqual([
      'name',
      'connection',
      'tls',
      'capabilities',
      'login',
      'sender',
    ]);
    expect(checks.at(-1)?.text).toContain('--send-to ADDRESS');
    expect(checks.find(check => check.name === 'capabilities')?.text).toMatch(/Largest message: .*MiB/);
    expect(bench.standIn.taken).toEqual([]);
  });

  it.each(API_NAMES)('%s sends a message to oneself where it is asked for', async name => {
    const bench = await apiBench(name);
    const { ok, checks } = await test(bench, { sendTo: 'me@example.net', sender: 'scans@example.com' });
    expect(checks.at(-1)).toMatchObject({ name: 'mail', ok: true });
    expect(ok).toBe(true);
    expect(bench.standIn.taken.map(taken => taken.recipients)).toEqual([['me@example.net']]);
    expect(bench.standIn.taken[0]?.message.toString()).toContain('Subject: Test from Postern');
  });

  it.each(['ses', 'mailgun', 'sparkpost'] as const)('%s shows that a key is wrong', async name => {
    const bench = await apiBench(name, { settings: { secret: 'another' } });
    const { ok, checks } = await test(bench);
    expect(ok).toBe(false);
    expect(checks.at(-1)).toMatchObject({ name: 'login', ok: false });
    expect(JSON.stringify(checks)).not.toMatch(/key-1|secret-access-key/);
  });

  it.each([500, 502, 503, 429, 404, 407, 511])('quotes an answer with %i, and what to do', async status => {
    const bench = await apiBench('mailgun');
    bench.standIn.next({ kind: 'answer', status, body: { message: 'What the provider says' } });
    const { ok, checks } = await test(bench);
    expect(ok).toBe(false);
    expect(checks.at(-1)).toMatchObject({ name: 'login', ok: false });
    const text = checks.at(-1)?.text ?? '';
    expect(text).toContain(`It said: HTTP ${status}`);
    // There was none.
    expect(text).not.toMatch(/this message|one message|may have been delivered/);
  });

  it('says that a certificate is not trusted', async () => {
    const { ok, checks } = await test(await apiBench('graph', { upstream: { caPem: null } }));
    expect(ok).toBe(false);
    expect(checks.at(-1)).toMatchObject({ name: 'tls', ok: false });
    expect(checks.at(-1)?.text).toMatch(/issued by/);
  });
});
