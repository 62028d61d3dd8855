// How many connections there may be, in total and from one address. A refused one is told so with 421 and closed.

import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';

export type Admission = Readonly<{
  /** Counts a connection in, or says why not. What was counted in must be counted out with `leave`, once. */
  enter: (address: string) => Reply | null;
  leave: (address: string) => void;
  /** Connections counted in now. */
  open: () => number;
}>;

export function createAdmission(
  limits: Readonly<{ hostname: string; connections: number; connectionsPerAddress: number }>,
): Admission {
  const { hostname } = limits;
  const perAddress = new Map<string, number>();
  let total = 0;

  return {
    enter: address => {
      if (total >= limits.connections) return say(replies.tooManyConnections, { hostname });
      const already = perAddress.get(address) ?? 0;
      if (already >= limits.connectionsPerAddress) return say(replies.tooManyFromAddress, { hostname });
      total++;
      perAddress.set(address, already + 1);
      return null;
    },
    leave: address => {
      total--;
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    },
    open: () => total,
  };
}
