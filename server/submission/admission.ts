// How many connections there may be, in total and from one client. Counted from the moment a socket is accepted, so that
// one that never gets through its TLS handshake takes a place like any other.
// Clients from where nobody has ever logged in share a part of the places: whatever they do, devices that work get in.

import type { ClientAddress } from '../smtp/address.ts';
import type { Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';

export type Admission = Readonly<{
  /** Counts a connection in, or says why not. */
  enter: (address: ClientAddress) => Admitted | Readonly<{ kind: 'refused'; reply: Reply }>;
  /** Connections counted in now. */
  open: () => number;
}>;

/** `leave` must be called when the connection has ended; only the first time counts. */
export type Admitted = Readonly<{ kind: 'admitted'; leave: () => void }>;

export type AdmissionDeps = Readonly<{
  hostname: string;
  connections: number;
  connectionsPerAddress: number;
  /** What counts as one client. */
  keyOf: (address: ClientAddress) => string;
  /** Whether somebody has ever logged in from there. */
  isKnown: (addressKey: string) => boolean;
}>;

/** Of all connections, how many may be of clients from where nobody has ever logged in. */
const STRANGERS = 0.8;

export function createAdmission(deps: AdmissionDeps): Admission {
  const { hostname } = deps;
  const forStrangers = Math.max(1, Math.floor(deps.connections * STRANGERS));
  const perAddress = new Map<string, number>();
  let total = 0;
  let strangers = 0;

  return {
    enter: address => {
      const key = deps.keyOf(address);
      const stranger = !address.isLoopback && !deps.isKnown(key);
      if (total >= deps.connections || (stranger && strangers >= forStrangers))
        return { kind: 'refused', reply: say(replies.tooManyConnections, { hostname }) };
      const already = perAddress.get(key) ?? 0;
      if (already >= deps.connectionsPerAddress)
        return { kind: 'refused', reply: say(replies.tooManyFromAddress, { hostname }) };
      total += 1;
      strangers += stranger ? 1 : 0;
      perAddress.set(key, already + 1);
      let inside = true;
      const leave = () => {
        if (!inside) return;
        inside = false;
        total -= 1;
        strangers -= stranger ? 1 : 0;
        const left = (perAddress.get(key) ?? 1) - 1;
        if (left > 0) perAddress.set(key, left);
        else perAddress.delete(key);
      };
      return { kind: 'admitted', leave };
    },
    open: () => total,
  };
}
