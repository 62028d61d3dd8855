// What `upstream test` finds out about a sending API, with stand-ins: certificate, token or key, and that nothing is sent.

import { describe, expect, it } from 'vitest';
import { apis } from '../../../server/relay/apis/apis.ts';
import type { Credentials } from '../../../server/relay/credentials.ts';
import { checkApi } from '../../../server/relay/drivers/api-check.ts';
import { createSocketOpener } from '../../../server/relay/drivers/open-socket.ts';
import { createTrust } from '../../../server/relay/drivers/trust.ts';
import type { Upstream } from '../../../server/relay/upstream.ts';
import { API_NAMES, type ApiName } from '../../../server/relay/upstream-scheme.ts';
import { freePort } from '../../support/ports.ts';
import { type ApiBench, apiBench, apiUpstream } from '../api-bench.ts';
import { PATIENT } from '../bench.ts';

const check = (name: ApiName, upstream: Upstream, credentials: Credentials, now = Date.now) =>
  checkApi({
    api: apis[name],
    upstream,
    credentials,
    now,
    timeouts: PATIENT,
    opener: createSocketOpener(),
    trust: createTrust(),
    signal: new AbortController().signal,
  });

const checkAt = (name: ApiName, { upstream, credentials, clock }: ApiBench) =>
  check(name, upstream, credentials, clock.now);

describe.each(API_NAMES)('%s', name => {
  it('takes what is right, and sends nothing', async () => {
    const bench = await apiBench(name);
    const checked = await checkAt(name, bench);
    expect(checked).toMatchObject({
      kind: 'connected',
      security: { protocol: 'TLSv1.3', names: ['localhost', '127.0.0.1'] },
      login: { ok: true, text: expect.stringMatching(/^[A-Z].{20}/) },
    });
    expect(bench.standIn.taken).toEqual([]);
  });

  it.runIf(apis[name].check !== null)('does not take what is wrong, and says what to do', async () => {
    const bench = await apiBench(name, { tokens: ['wrong'], settings: { secret: 'another' } });
    const checked = await checkAt(name, bench);
    expect(checked).toMatchObject({ login: { ok: false, text: expect.stringContaining('provider') } });
    expect(JSON.stringify(checked)).not.toContain('wrong');
  });
});

it('a token that has ended is replaced first', async () => {
  const bench = await apiBench('graph', { tokens: ['ended', 'token-1'] });
  expect(await checkAt('graph', bench)).toMatchObject({ login: { ok: true } });
});

it('a web page in place of the API, a broken connection, a missing token', async () => {
  const bench = await apiBench('graph');
  bench.standIn.next({ kind: 'answer', status: 200, body: '<html>' }, { kind: 'cut', when: 'end' });
  expect(await checkAt('graph', bench)).toMatchObject({
    login: { ok: false, text: expect.stringContaining('A web page came') },
  });
  expect(await checkAt('graph', bench)).toMatchObject({
    login: { ok: false, text: expect.stringContaining('broke the connection off') },
  });
  expect(await check('graph', bench.upstream, { kind: 'none' })).toMatchObject({
    login: { ok: false, text: expect.stringContaining('takes only OAuth2') },
  });
});

it('where nobody answers, that is said', async () => {
  const upstream = await apiUpstream('graph', await freePort());
  expect(await check('graph', upstream, { kind: 'none' })).toMatchObject({
    kind: 'fault',
    fault: { kind: 'unreachable' },
  });
});
