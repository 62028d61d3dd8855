// The logins whose password is being looked at, by group: a pair, an address, a name. A failure is counted only once it is
// known, so guesses that are sent all at once would all be looked at before the first one counts; here they count from the
// beginning. Who finds no room waits for its turn and is not refused: an app may well log in a hundred times at once.
// Identical logins count once. Nothing here needs a bound: each login holds a connection.

export type Room = Readonly<{
  group: string;
  /** How many more may fail before something follows. */
  left: number;
}>;

export type LoginsUnderWay = Readonly<{
  /** The first group that has no room for one more, or null. `login`: equal ones are the same; null is like no other. */
  full: (rooms: readonly Room[], login: string | null) => string | null;
  /** Returns what is to be called, once or more often, when it is known how the login went and that is counted. */
  begin: (groups: readonly string[], login: string | null) => () => void;
  /** Resolves when a login of this group has ended; only for one that was full. */
  change: (group: string) => Promise<void>;
}>;

type Group = { readonly running: Map<string | number, number>; waiting: (() => void)[] };

export function createLoginsUnderWay(): LoginsUnderWay {
  const groups = new Map<string, Group>();
  let unlike = 0;

  const enter = (name: string, key: string | number): void => {
    const group = groups.get(name) ?? { running: new Map<string | number, number>(), waiting: [] };
    groups.set(name, group);
    group.running.set(key, (group.running.get(key) ?? 0) + 1);
  };

  const leave = (name: string, key: string | number): void => {
    const group = groups.get(name);
    if (group === undefined) return;
    const others = (group.running.get(key) ?? 1) - 1;
    if (others > 0) group.running.set(key, others);
    else group.running.delete(key);
    if (group.running.size === 0) groups.delete(name);
    const { waiting } = group;
    group.waiting = [];
    for (const wake of waiting) wake();
  };

  return {
    full: (rooms, login) => {
      const found = rooms.find(({ group: name, left }) => {
        const running = groups.get(name)?.running;
        // Alone it may go on whatever was counted, or nobody would ever wake who waits.
        if (running === undefined || (login !== null && running.has(login))) return false;
        return running.size >= left;
      });
      return found?.group ?? null;
    },
    begin: (names, login) => {
      if (login === null) unlike += 1;
      const key = login ?? unlike;
      for (const name of names) enter(name, key);
      let over = false;
      return () => {
        if (over) return;
        over = true;
        for (const name of names) leave(name, key);
      };
    },
    change: name =>
      new Promise(resolve => {
        const group = groups.get(name);
        if (group === undefined) resolve();
        else group.waiting.push(resolve);
      }),
  };
}
