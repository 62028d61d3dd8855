// What the relay asks of every kind of upstream: a session that carries messages. SMTP brings up a connection; a sending API
// gets its token, and speaks HTTP for each message.

import type { UpstreamFault } from '../../queue/outcome.ts';
import type { Credentials } from '../credentials.ts';
import type { Upstream } from '../upstream.ts';
import type { Session } from './session.ts';

export type DialledSession =
  | Readonly<{ kind: 'open'; session: Session }>
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>;

export type Driver = Readonly<{
  /** Never rejects. `signal` ends connections and sessions at once, for the end of the process. */
  dial: (upstream: Upstream, credentials: Credentials, signal: AbortSignal) => Promise<DialledSession>;
}>;
