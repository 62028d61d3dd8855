// What a connection is given: the settings of its listener, and all that it asks about its client.

import type { Clock } from '../clock.ts';
import type { Mechanism } from '../sasl/mechanism.ts';
import type { LoginsFor } from './authenticator.ts';
import type { Deadlines } from './deadlines.ts';
import type { Door } from './door.ts';
import type { Intake } from './intake.ts';
import type { SessionSettings } from './session.ts';
import type { SessionReportsDeps } from './session-reports.ts';

export type ConnectionContext = Readonly<{
  settings: SessionSettings;
  deadlines: Deadlines;
  /** Octets of the longest command line that is not AUTH. */
  commandLine: number;
  door: Door;
  intake: Intake;
  /** Offered by this listener, in the order of EHLO. */
  mechanisms: readonly Mechanism[];
  loginsFor: LoginsFor;
  /** The channel bindings of the leaves that a handshake beginning now may show. */
  endPoints: () => readonly Uint8Array[];
  clock: Clock;
  stopping: () => boolean;
}> &
  SessionReportsDeps;

export type Entry = Readonly<{
  context: ConnectionContext;
  /** Gives back the place of the connection, when the accepted socket is closed; may be called more than once. */
  leave: () => void;
}>;
