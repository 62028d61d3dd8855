// The configuration before it is checked: nested plain values as YAML gives them. Pure; nothing is changed in place.

export type Path = readonly (string | number)[];

type Tree = Readonly<Record<string, unknown>>;

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step];
    else if (isTree(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

/** With the value at a path set. A section that is no section stays as it is: it will be complained about. */
export function withValue(tree: unknown, path: readonly string[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (tree !== undefined && !isTree(tree)) return tree;
  return { ...tree, [step]: withValue(tree?.[step], rest, value) };
}

/** Without the value at a path. */
export function withoutValue(tree: unknown, path: readonly string[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined || !isTree(tree) || !Object.hasOwn(tree, step)) return tree;
  if (rest.length > 0) return { ...tree, [step]: withoutValue(tree[step], rest) };
  return Object.fromEntries(Object.entries(tree).filter(([name]) => name !== step));
}

/** Without keys that have no value: `limits:` above lines that are all commented out is not given. */
export function withoutNulls(tree: unknown): unknown {
  if (tree === null) return undefined;
  if (!isTree(tree)) return tree;
  return Object.fromEntries(
    Object.entries(tree)
      .map(([name, value]) => [name, withoutNulls(value)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

/** The part of a path above the first list item: a list is judged as a whole. */
export function aboveItems(path: Path): readonly string[] {
  const item = path.findIndex(step => typeof step === 'number');
  return (item < 0 ? path : path.slice(0, item)).map(String);
}
