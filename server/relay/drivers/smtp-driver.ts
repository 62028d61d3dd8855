// The SMTP driver: brings up sessions with smart hosts. Running look-ups and the certificate authorities are shared by all
// its connections, and with other drivers where they are handed in.

import type { RandomBytes } from '../../ids.ts';
import { ehloNameFor } from '../upstream.ts';
import type { Driver } from './driver.ts';
import { createSocketOpener, type SocketOpener } from './open-socket.ts';
import type { Timeouts } from './smtp-connection.ts';
import { closedAtOnce, dialSmtp } from './smtp-dial.ts';
import { createSmtpLine } from './smtp-line.ts';
import { createSmtpSession } from './smtp-session.ts';
import { createTrust, type Trust } from './trust.ts';

export type SmtpDriverDeps = Readonly<{
  /** This server's host name: what it calls itself in EHLO unless the upstream says otherwise. */
  hostname: string;
  random: RandomBytes;
  timeouts?: Timeouts;
  opener?: SocketOpener;
  trust?: Trust;
}>;

const MINUTE = 60_000;

/** RFC 5321 §4.5.3.2 allows five minutes for a greeting; a person who waits for a test, and a queue, want less. */
export const DEFAULT_TIMEOUTS: Timeouts = {
  connect: MINUTE,
  dial: 5 * MINUTE,
  command: 5 * MINUTE,
  finalReply: 10 * MINUTE,
};

export function createSmtpDriver({
  hostname,
  random,
  timeouts = DEFAULT_TIMEOUTS,
  opener = createSocketOpener(),
  trust = createTrust(),
}: SmtpDriverDeps): Driver {
  return {
    dial: async (upstream, credentials, signal) => {
      const ehloName = ehloNameFor(upstream.ehloName, hostname);
      const dialled = await dialSmtp({
        upstream,
        credentials,
        ehloName,
        timeouts,
        opener,
        trust,
        random,
        signal,
      });
      if (dialled.kind === 'fault') return dialled;
      const { connection, capabilities } = dialled;
      const tls = connection.tlsSocket !== null;
      const socket = connection.handOver();
      if (socket === null) {
        connection.close();
        return { kind: 'fault', fault: closedAtOnce(upstream, 'auth') };
      }
      const line = createSmtpLine(socket);
      return { kind: 'open', session: createSmtpSession(line, { capabilities, tls, patience: timeouts }) };
    },
  };
}
