// Where a recipient goes after an attempt, by the routes as they are now: what was sent back to be routed is routed at once
// (nobody else would before the next start), and what moves keeps count of the outages that it has waited through.

import type { DurationMs } from '../clock.ts';
import type { Claim, ClaimedRecipient } from './message.ts';
import type { Place, RecipientSettlement } from './queue.ts';
import { parseWay, UNROUTED } from './way.ts';

export type Placing = Readonly<{
  /** The end of an attempt, with a way. */
  placed: (claim: Claim, one: RecipientSettlement) => RecipientSettlement;
  /** Whether the routes of now would send it another way than it went. */
  isElsewhere: (claim: Claim, recipient: ClaimedRecipient) => boolean;
}>;

/** `outageTotal`: milliseconds of outages of a way so far (outages.ts). */
export function createPlacing(place: Place, outageTotal: (way: string) => DurationMs): Placing {
  return {
    placed: (claim, one) => {
      const { settlement } = one;
      const recipient = claim.recipients.find(({ ordinal }) => ordinal === one.ordinal);
      if (settlement.state !== 'deferred' || recipient === undefined) return one;
      const isSentBack = settlement.way === UNROUTED;
      const placement = isSentBack ? place(claim.message, recipient.forwardPath) : null;
      const way = placement?.way ?? settlement.way;
      if (routeOf(way) === routeOf(recipient.way)) {
        const outageShift = outageTotal(way) - outageTotal(recipient.way);
        return { ...one, settlement: { ...settlement, way }, outageShift };
      }
      return placement === null
        ? one
        : { ...one, settlement: { ...settlement, way }, outageMark: placement.outageMark };
    },

    isElsewhere: ({ message }, { forwardPath, way }) => place(message, forwardPath).way !== way,
  };
}

/** Null: no route of its own. */
function routeOf(text: string): string | null {
  const way = parseWay(text);
  return way.kind === 'routed' ? way.routeId : null;
}
