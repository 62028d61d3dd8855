// What becomes of a session's socket: cut off at the end of the process, and forgotten when it closes.

import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../server/ids.ts';
import { createSmtpDriver } from '../../../server/relay/drivers/smtp-driver.ts';
import { NO_RECIPIENT_DSN } from '../../../server/smtp/dsn-parameters.ts';
import { CONTENT, PATIENT, remote, until, upstreamAt } from '../bench.ts';
import type { Script } from '../remote.ts';

const PARCEL = {
  messageId: 'M1',
  ...{ reversePath: 'a@example.com', recipients: [{ path: 'b@example.net', dsn: NO_RECIPIENT_DSN }] },
  ...{ size: CONTENT.length, eightBit: false, smtputf8: false, requireTls: false, dsn: null, plan: null },
  content: { kind: 'octets', octets: CONTENT },
  onPhase: () => undefined,
} as const;

async function dialled(tls: 'starttls' | 'implicit', script: Script = () => undefined) {
  const server = await remote({ tls, script });
  const upstream = await upstreamAt(server.port, tls === 'implicit' ? { scheme: 'smtps' } : {});
  const driver = createSmtpDriver({ hostname: 'postern.example', random: systemRandom, timeouts: PATIENT });
  const cutOff = new AbortController();
  const result = await driver.dial(upstream, { kind: 'password', password: 'secret' }, cutOff.signal);
  if (result.kind !== 'open') throw new Error(result.fault.text);
  return {
    server,
    session: result.session,
    cutOff,
    listeners: () => getEventListeners(cutOff.signal, 'abort'),
  };
}

describe.each(['starttls', 'implicit'] as const)('a session over %s', tls => {
  it('says QUIT, ends its connection, and leaves nothing behind', async () => {
    const { server, session, listeners } = await dialled(tls);
    expect((await session.send(PARCEL)).kind).toBe('accepted');
    session.quit();
    expect(session.usable()).toBe(false);
    await until(() => server.open() === 0);
    await until(() => listeners().length === 0);
    expect(server.commands.at(-1)).toBe('QUIT');
  });

  it('is not usable any more once the upstream has spoken unasked or hung up', async () => {
    const hungUp = await dialled(tls);
    await hungUp.server.close();
    await until(() => !hungUp.session.usable());
    await until(() => hungUp.listeners().length === 0);
    expect(await hungUp.session.send(PARCEL)).toMatchObject({
      kind: 'lost',
      answered: false,
      bodyConsumed: false,
    });
    expect(await hungUp.session.reset()).toBe(false);

    const spoke = await dialled(tls, ({ verb }) => (verb === 'BODY' ? '250 ok\n421 4.4.2 idle' : undefined));
    expect((await spoke.session.send(PARCEL)).kind).toBe('accepted');
    await until(() => !spoke.session.usable());
    expect(await spoke.session.send(PARCEL)).toMatchObject({ kind: 'lost', answered: false });
  });

  it('ends at once when the process ends, with what is under way as lost', async () => {
    const { server, session, cutOff } = await dialled(tls, ({ verb }) =>
      verb === 'MAIL' ? 'SILENCE' : undefined,
    );
    const sent = session.send(PARCEL);
    await until(() => server.commands.some(line => line.startsWith('MAIL')));
    cutOff.abort();
    expect(await sent).toMatchObject({ kind: 'lost', stage: 'mail', bodyConsumed: false });
  });
});
