// Who this installation is: its host name, chosen once and kept, and the id that marks its mail so that a loop is seen.

import { hostname as machineName } from 'node:os';
import type { NewId } from './ids.ts';
import type { Database } from './storage/database.ts';
import { readMeta, writeMetaOnce } from './storage/meta.ts';
import { chooseHostName } from './tls/host-name.ts';

export type Identity = Readonly<{
  hostname: string;
  traceId: string;
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

export async function readIdentity(
  database: Database,
  configured: string | undefined,
  newId: NewId,
): Promise<Identity> {
  const kept = await readMeta(database, 'hostname');
  const chosen = chooseHostName({ configured, kept, machine: machineName() });
  if (chosen.keep !== null) await writeMetaOnce(database, 'hostname', chosen.keep);
  const traceId = await writeMetaOnce(database, 'trace_id', newId());
  return { hostname: chosen.hostname, traceId, warnings: chosen.warning === null ? [] : [chosen.warning] };
}
