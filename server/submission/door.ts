// Who may come in at all: clients of the networks that are served, and that are not banned. Asked when a client could hear
// the answer. Says in the log who was sent away, but not a thousand times.

import type { Throttle } from '../accounts/throttle.ts';
import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import { type ClientAddress, networkOf } from '../smtp/address.ts';
import { formatReply, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { inWords } from '../smtp/waiting-time.ts';
import { networkRefusedAlert } from './login-alerts.ts';
import { createThinning } from './thinning.ts';

/** The reply to a client that is to be sent away; null: it may come in. */
export type Door = (client: Readonly<{ session: string; address: ClientAddress }>) => Reply | null;

export type DoorDeps = Readonly<{
  hostname: string;
  isServed: (address: ClientAddress) => boolean;
  addressBan: Throttle['addressBan'];
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
  raise: RaiseAlert;
}>;

const SAID_AGAIN_AFTER: DurationMs = 60_000;

export function createDoor(deps: DoorDeps): Door {
  const { hostname, log } = deps;
  const thinning = createThinning({ clock: deps.clock, interval: SAID_AGAIN_AFTER });

  return ({ session, address }) => {
    const note = (reply: Reply, reason: string, about: string): Reply => {
      const count = thinning(`${reason} ${about}`);
      const said = formatReply(reply).trimEnd();
      if (count !== null)
        log('session.refused', { session, address: address.text, reply: said, reason, count });
      return reply;
    };
    if (!deps.isServed(address)) {
      const network = surroundings(address);
      deps.raise(networkRefusedAlert({ address: address.text, network }));
      return note(say(replies.networkNotServed, { hostname }), 'network', network);
    }
    const left = deps.addressBan(address);
    if (left === null) return null;
    const reply = say(replies.bannedAddress, { hostname, when: inWords(left) });
    return note(reply, 'ban', address.text);
  };
}

/** Clients of one network are one story: /24, or /48 as a site has it. */
function surroundings(address: ClientAddress): string {
  const length = address.version === 4 ? 24 : 48;
  return `${networkOf(address, length)}/${length}`;
}
