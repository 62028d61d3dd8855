// How many connections are logged in with one account: a device that forgets to close its connections must not take those
// of all. Each connection holds one place for one account, until it ends.

export type AccountConnections = Readonly<{
  /** The place of one connection. */
  forConnection: () => AccountPlace;
}>;

export type AccountPlace = Readonly<{
  /** Takes a place for the account, giving back one for another. False where there is none, and once the end has come. */
  take: (accountId: string) => boolean;
  /** The connection has ended; may be called more than once. A login that is still computed takes no place after it. */
  end: () => void;
}>;

export function createAccountConnections(limit: number): AccountConnections {
  const counts = new Map<string, number>();

  const leave = (accountId: string): void => {
    const left = (counts.get(accountId) ?? 1) - 1;
    if (left > 0) counts.set(accountId, left);
    else counts.delete(accountId);
  };

  return {
    forConnection: () => {
      let held: string | null = null;
      let ended = false;
      const giveBack = (): void => {
        if (held !== null) leave(held);
        held = null;
      };
      return {
        take: accountId => {
          giveBack();
          const taken = counts.get(accountId) ?? 0;
          if (ended || taken >= limit) return false;
          counts.set(accountId, taken + 1);
          held = accountId;
          return true;
        },
        end: () => {
          giveBack();
          ended = true;
        },
      };
    },
  };
}
