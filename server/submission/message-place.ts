// A place for one message, taken before the message is asked for (354) and held until it is accepted or gone: room on the
// disk, room in the account's share of the queue, and one message with so many recipients within its sending limits.
// Taking is atomic: of many sessions that ask at once no more get a place than there are. Every place must end.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { SendingPlace, Usage } from '../accounts/usage.ts';
import type { QueueShares, SharePlace } from '../queue/queue-share.ts';
import { replies } from '../smtp/reply-table.ts';
import type { Statement } from '../storage/database.ts';
import { type Denial, limitDenial } from './policy.ts';
import type { Transaction } from './transaction.ts';

export type MessagePlace = Readonly<{
  /** So many octets have come in all: the denial once they are too many for the account's share. */
  received: (octets: number) => Denial | null;
  /** To be committed with a message of that size, before its own. One that does not hold means: the share is full. */
  statements: (size: number) => readonly Statement[];
  /** The commit is durable: from now on the message counts for good. */
  accepted: () => void;
  /** Whatever became of the message. */
  end: () => void;
}>;

export type TakePlace = (
  accountId: string,
  transaction: Transaction,
) => Promise<Readonly<{ kind: 'place'; place: MessagePlace }> | Readonly<{ kind: 'denied'; denial: Denial }>>;

type Deps = Readonly<{
  hasRoom: (size: number) => Promise<boolean>;
  shares: QueueShares;
  usage: Pick<Usage, 'reserve'>;
}>;

export const SHARE_FULL: Denial = { reply: replies.queueShareFull, reason: 'queue-share' };
const DISK_FULL: Denial = { reply: replies.noSpace, reason: 'disk' };

export function createMessagePlaces({ hasRoom, shares, usage }: Deps): TakePlace {
  const shareOf = async (accountId: string, { queueShare }: AccountPolicy, size: number) =>
    queueShare === null ? 'unlimited' : shares.reserve(accountId, queueShare, size);

  return async (accountId, { policy, declaredSize, forwardPaths }) => {
    const size = declaredSize ?? 0;
    if (!(await hasRoom(size))) return { kind: 'denied', denial: DISK_FULL };
    const share = await shareOf(accountId, policy, size);
    if (share === null) return { kind: 'denied', denial: SHARE_FULL };
    const held = share === 'unlimited' ? null : share;
    const sending = usage.reserve(accountId, policy, forwardPaths.length);
    if (sending.kind === 'reserved') return { kind: 'place', place: placeOf(held, sending.place) };
    held?.end();
    return { kind: 'denied', denial: limitDenial(sending) };
  };
}

function placeOf(share: SharePlace | null, sending: SendingPlace | null): MessagePlace {
  return {
    received: octets => (share === null || share.received(octets) ? null : SHARE_FULL),
    statements: size => [
      ...(share === null ? [] : [share.guard(size)]),
      ...(sending === null ? [] : [sending.statement()]),
    ],
    accepted: () => sending?.accepted(),
    end: () => {
      share?.end();
      sending?.end();
    },
  };
}
