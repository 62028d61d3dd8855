// Opens a TCP connection to a host: name look-up as the machine is set up (hosts file, mDNS, DNS), then every address,
// IPv6 and IPv4 side by side (RFC 8305). Look-ups of the same name share one thread: they block one of Node's four,
// which password hashing and file syncs need too.

import { lookup } from 'node:dns/promises';
import type { Socket } from 'node:net';
import { connect, isIP } from 'node:net';
import type { DurationMs } from '../../clock.ts';

export type Address = Readonly<{ address: string; family: number }>;

type OpenFailure = Readonly<{ kind: 'failed'; step: 'lookup' | 'connect'; code: string; message: string }>;
export type OpenedSocket = Readonly<{ kind: 'opened'; socket: Socket }> | OpenFailure;
export type FoundAddresses = Readonly<{ kind: 'found'; addresses: readonly Address[] }> | OpenFailure;

export type SocketOpener = Readonly<{
  find: (host: string, timeout: DurationMs) => Promise<FoundAddresses>;
  /** Never rejects; the timeout holds for the look-up and for the connection. The socket has no listeners: the caller must add one for `error` before it yields. */
  open: (place: Readonly<{ host: string; port: number }>, timeout: DurationMs) => Promise<OpenedSocket>;
}>;

/** Between two addresses of a host: enough for a slow mobile link, short enough for a broken IPv6. */
const NEXT_ADDRESS_AFTER: DurationMs = 1000;

export function createSocketOpener(): SocketOpener {
  const running = new Map<string, Promise<readonly Address[]>>();

  function lookUp(host: string): Promise<readonly Address[]> {
    const known = running.get(host);
    if (known !== undefined) return known;
    const started = lookup(host, { all: true }).finally(() => running.delete(host));
    running.set(host, started);
    return started;
  }

  async function find(host: string, timeout: DurationMs): Promise<FoundAddresses> {
    const family = isIP(host);
    if (family !== 0) return { kind: 'found', addresses: [{ address: host, family }] };
    const found = await inTime(lookUp(host), timeout);
    if (found.kind === 'failed') return { ...found, step: 'lookup' };
    return { kind: 'found', addresses: found.value };
  }

  return {
    find,
    open: async ({ host, port }, timeout) => {
      const found = await find(host, timeout);
      if (found.kind === 'failed') return found;
      return openAny(host, port, found.addresses, timeout);
    },
  };
}

function openAny(
  host: string,
  port: number,
  addresses: readonly Address[],
  timeout: DurationMs,
): Promise<OpenedSocket> {
  return new Promise(resolve => {
    const socket = connect({
      host,
      port,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER,
      lookup: (_name, _options, done) => done(null, [...addresses]),
    });
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ kind: 'failed', step: 'connect', ...describe(error) });
    };
    const timer = setTimeout(() => fail(coded('No connection in time', 'ETIMEDOUT')), timeout);
    // Stays until the caller has its own: a socket without one takes the process down with it.
    socket.on('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve({ kind: 'opened', socket });
    });
  });
}

type InTime<T> = Readonly<{ kind: 'done'; value: T }> | Omit<OpenFailure, 'step'>;

function inTime<T>(work: Promise<T>, timeout: DurationMs): Promise<InTime<T>> {
  return new Promise(resolve => {
    const timer = setTimeout(
      () => resolve({ kind: 'failed', code: 'EAI_AGAIN', message: 'no answer from DNS' }),
      timeout,
    );
    work
      .then(
        value => resolve({ kind: 'done', value }),
        (error: unknown) => resolve({ kind: 'failed', ...describe(error) }),
      )
      .finally(() => clearTimeout(timer));
  });
}

/** With several addresses Node reports an AggregateError: the last address's error says most. */
function describe(error: unknown): Readonly<{ code: string; message: string }> {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors.at(-1));
  if (!(error instanceof Error)) return { code: 'EUNKNOWN', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
  return { code, message: error.message };
}

function coded(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
