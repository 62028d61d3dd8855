// TLS handshakes that failed, in words that name the setting to change. One line a minute for each client and cause: a
// device with an old TLS tries all day.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import { parseClientAddress } from '../smtp/address.ts';
import { createThinning } from './thinning.ts';

/** As the library reports it; where the address stands depends on the kind of listener. */
export type HandshakeError = Error &
  Readonly<{
    code?: string;
    remoteAddress?: string;
    meta?: Readonly<{ remoteAddress?: string; tlsProtocol?: string | null }>;
  }>;

const SAID_AGAIN_AFTER: DurationMs = 60_000;

/** Takes every error of a listener and logs the failed handshakes among them. */
export function createHandshakeReports({
  clock,
  log,
}: Readonly<{ clock: Pick<Clock, 'monotonic'>; log: Log }>): (error: HandshakeError) => void {
  const thinning = createThinning({ clock, interval: SAID_AGAIN_AFTER });
  // The library reports a failed STARTTLS twice.
  const reported = new WeakSet<Error>();
  return error => {
    // A client that resets the connection is no failure of ours.
    const isTls = /^ERR_(SSL|TLS)|^EPROTO/.test(error.code ?? '') || error.meta !== undefined;
    if (!isTls || reported.has(error)) return;
    reported.add(error);
    const address = parseClientAddress(error.remoteAddress ?? error.meta?.remoteAddress)?.text;
    const count = thinning(`${address ?? ''} ${error.code ?? ''}`);
    if (count === null) return;
    log('session.tls_failed', {
      ...(address === undefined ? {} : { address }),
      text: explainHandshake(error),
      count,
    });
  };
}

function explainHandshake(error: HandshakeError): string {
  const code = error.code ?? '';
  const offered = error.meta?.tlsProtocol ? ` (it offered ${error.meta.tlsProtocol})` : '';
  if (/WRONG_VERSION_NUMBER|HTTP_REQUEST/.test(code)) {
    return `The device did not speak TLS on a port that begins with TLS: choose SSL/TLS in the device, or the port for STARTTLS. ${code}`;
  }
  if (/UNSUPPORTED_PROTOCOL|VERSION|NO_SHARED_CIPHER/.test(code)) {
    return `The device speaks only an old TLS${offered}; Postern needs TLS 1.2 or newer. Look for a firmware update. ${code}`;
  }
  if (/UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN/.test(code)) {
    return `The device does not trust Postern's certificate: import ca.crt into the device, or let it accept any certificate. ${code}`;
  }
  return `The TLS handshake failed: ${error.message}`;
}
