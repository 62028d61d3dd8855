// What this server calls itself: in its certificates, its greeting and its Received lines. Chosen once and then kept,
// because a certificate that devices were told to accept must not change its name when a router hands out another.

import { readSubjectName } from './subject-names.ts';

export type HostName = Readonly<{
  hostname: string;
  /** To be kept for the next start; null where nothing is to be kept (it is configured, or kept already). */
  keep: string | null;
  /** A sentence for the operator, or null. */
  warning: string | null;
}>;

/** The name of a machine that has none of its own. With compose.yaml, other containers reach Postern by this name. */
const FALLBACK = 'postern';
/** Docker and Podman: the first 12 digits of the container's id; some runtimes give all 64. */
const CONTAINER_ID = /^[0-9a-f]{12}$|^[0-9a-f]{64}$/;

/**
 * The configured name, else the one kept from an earlier start, else the machine's (`os.hostname()`).
 * A container's id is no name: it is another one after every update.
 */
export function chooseHostName(
  given: Readonly<{ configured: string | undefined; kept: string | null; machine: string }>,
): HostName {
  if (given.configured !== undefined) {
    return { hostname: given.configured.toLowerCase().replace(/\.$/, ''), keep: null, warning: null };
  }
  if (given.kept !== null) return { hostname: given.kept, keep: null, warning: null };
  const machine = given.machine.trim().toLowerCase().replace(/\.$/, '');
  if (CONTAINER_ID.test(machine)) return fallback(`The machine's name, ${machine}, is the id of a container`);
  const name = readSubjectName(machine);
  if (name === null || name.kind === 'ip' || name.value.startsWith('localhost')) {
    return fallback(`The machine's name, ${JSON.stringify(given.machine)}, cannot be used by other machines`);
  }
  return { hostname: name.value, keep: name.value, warning: null };
}

function fallback(reason: string): HostName {
  return {
    hostname: FALLBACK,
    keep: FALLBACK,
    warning:
      `${reason}, so Postern calls itself "${FALLBACK}". Set hostname (POSTERN_HOSTNAME) to the name that your ` +
      'devices use, so that its certificate fits.',
  };
}
