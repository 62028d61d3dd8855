import { describe, expect, it } from 'vitest';
import { createHandshakeReports } from '../../server/submission/handshake-failure.ts';
import { createMovableClock } from '../accounts/support.ts';

function open() {
  const clock = createMovableClock();
  const logged: Readonly<Record<string, unknown>>[] = [];
  const report = createHandshakeReports({ clock, log: (_, fields) => logged.push({ ...fields }) });
  return { clock, logged, report };
}
const failure = (code: string, address = '192.0.2.1') =>
  Object.assign(new Error('it failed'), { code, remoteAddress: address });

describe('failed handshakes', () => {
  it.each([
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'speaks only an old TLS'],
    ['ERR_SSL_VERSION_TOO_LOW', 'speaks only an old TLS'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', "does not trust Postern's certificate"],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'did not speak TLS on a port that begins with TLS'],
    ['ERR_SSL_HTTP_REQUEST', 'did not speak TLS on a port that begins with TLS'],
    ['ERR_TLS_HANDSHAKE_TIMEOUT', 'The TLS handshake failed: it failed'],
  ])('%s is explained', (code, words) => {
    const { logged, report } = open();
    report(failure(code));
    expect(logged).toEqual([{ address: '192.0.2.1', text: expect.stringContaining(words), count: 1 }]);
  });

  it('are one line a minute for each client and cause, with how many there were', () => {
    const { clock, logged, report } = open();
    for (let n = 0; n < 50; n++) report(failure('ERR_SSL_UNSUPPORTED_PROTOCOL'));
    report(failure('ERR_SSL_UNSUPPORTED_PROTOCOL', '192.0.2.2'));
    clock.move(60_000);
    report(failure('ERR_SSL_UNSUPPORTED_PROTOCOL'));
    expect(logged.map(({ address, count }) => [address, count])).toEqual([
      ['192.0.2.1', 1],
      ['192.0.2.2', 1],
      ['192.0.2.1', 50],
    ]);
  });

  it('are not what else goes wrong with a socket, and each is reported once', () => {
    const { logged, report } = open();
    report(Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
    expect(logged).toEqual([]);
    const error = failure('ERR_SSL_UNSUPPORTED_PROTOCOL');
    report(error);
    report(error);
    expect(logged).toHaveLength(1);
  });
});
