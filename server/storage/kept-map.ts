// A bounded map that is also a table: everything in memory, so that it answers at once; what changed goes to the file with
// the next flush of its owner. What was set longest ago makes room for what is new.

import type { Statement } from './database.ts';

export type KeptMap<Value> = Readonly<{
  get: (key: string) => Value | undefined;
  /** Becomes the newest. */
  set: (key: string, value: Value) => void;
  delete: (key: string) => void;
  /** Set, and not yet taken to the file. */
  isUnsaved: (key: string) => boolean;
  /** What is not yet in the file. Taken once: a flush that fails loses it, which its owner must be able to bear. */
  takeChanges: () => readonly Statement[];
}>;

export type KeptMapOptions<Value> = Readonly<{
  /** Oldest first. */
  entries: Iterable<readonly [string, Value]>;
  most: number;
  save: (value: Value) => Statement;
  remove: (value: Value) => Statement;
  /** Told of every value that is no longer in the map, and of every one that has come. */
  onChange?: (change: Readonly<{ gone?: Value; come?: Value }>) => void;
}>;

export function createKeptMap<Value>(options: KeptMapOptions<Value>): KeptMap<Value> {
  const map = new Map<string, Value>();
  const unsaved = new Set<string>();
  const removed = new Map<string, Value>();
  const tell = options.onChange ?? (() => undefined);

  const remove = (key: string): void => {
    const value = map.get(key);
    if (value === undefined) return;
    map.delete(key);
    unsaved.delete(key);
    removed.set(key, value);
    tell({ gone: value });
  };

  const put = (key: string, value: Value): void => {
    const before = map.get(key);
    map.delete(key);
    map.set(key, value);
    removed.delete(key);
    tell(before === undefined ? { come: value } : { gone: before, come: value });
    for (const oldest of map.keys()) {
      if (map.size <= options.most) break;
      remove(oldest);
    }
  };

  for (const [key, value] of options.entries) put(key, value);

  return {
    get: key => map.get(key),
    set: (key, value) => {
      put(key, value);
      unsaved.add(key);
    },
    delete: remove,
    isUnsaved: key => unsaved.has(key),
    takeChanges: () => {
      const statements = [...removed.values()].map(options.remove);
      for (const key of unsaved) {
        const value = map.get(key);
        if (value !== undefined) statements.push(options.save(value));
      }
      removed.clear();
      unsaved.clear();
      return statements;
    },
  };
}
