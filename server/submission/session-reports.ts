// What the log says of one session: who it is, what it was told, how it ended. Never a line that the client said, and no
// challenge of an authentication.

import type { Log } from '../events.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import type { ReportDenied } from './denial-reports.ts';
import type { Denial } from './policy.ts';
import type { TlsFacts } from './tls-facts.ts';

export type SessionReports = Readonly<{
  opened: (at: Readonly<{ port: number; tls: 'implicit' | 'starttls' }>) => void;
  secured: (facts: TlsFacts | null) => void;
  answered: (verb: string, reply: Reply) => void;
  denied: (denial: Denial) => void;
  refused: (reply: Reply, reason: string) => void;
  closed: (end: Readonly<{ duration: number; messages: number; reason: string }>) => void;
}>;

export type SessionReportsDeps = Readonly<{
  log: Log;
  reportDenied: ReportDenied;
  /** Whether anybody reads `session.command`: one event for each command is worth its cost only then. */
  logsCommands: boolean;
}>;

/** `account` is asked each time: with a login it becomes known. */
export function createSessionReports(
  { log, reportDenied, logsCommands }: SessionReportsDeps,
  client: Readonly<{ session: string; address: string; account: () => string | undefined }>,
): SessionReports {
  const { session, address } = client;
  const who = () => {
    const account = client.account();
    return account === undefined ? { session, address } : { session, address, account };
  };
  return {
    opened: at => log('session.opened', { ...who(), ...at }),
    secured: facts => {
      if (facts) log('session.tls', { ...who(), ...facts });
    },
    answered: (verb, reply) => {
      if (logsCommands) log('session.command', { ...who(), verb, reply: shown(reply) });
    },
    denied: denial => reportDenied(who(), denial),
    refused: (reply, reason) => log('session.refused', { ...who(), reply: shown(reply), reason }),
    closed: end => log('session.closed', { ...who(), ...end }),
  };
}

/** A challenge is part of an authentication. */
function shown(reply: Reply): string {
  return reply.code === 334 ? '334' : formatReply(reply).trimEnd();
}
