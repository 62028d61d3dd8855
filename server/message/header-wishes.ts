// What the senders in a message's header must become on its way to an upstream: asked by relay/identity.ts, done by
// rewrite.ts. Pure vocabulary.

import type { Path } from '../smtp/path.ts';

export type HeaderWishes = Readonly<{
  /** The address that takes the place of one that is not permitted; null: addresses stay. */
  sender: string | null;
  /** Whether an address may stay. */
  permits: (address: Path) => boolean;
  /** Display names lose the words that contain an @: Microsoft 365 takes those for a forged address and refuses. */
  withoutAt: boolean;
  /** Whether a changed sender is kept in Reply-To and X-Original-From. Our own mail has none that is worth it. */
  keepsOriginal: boolean;
}>;
