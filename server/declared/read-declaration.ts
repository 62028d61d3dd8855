// From the text of a declaration (YAML or JSON) to what it declares, with everything that is wrong with its values, each
// problem with its path and line. What is right of it is kept, so that it can be compared with what there is: all problems
// are known at once.

import { complaintsAbout, formatPath } from '../config/complaints.ts';
import { isTree, type Path, valueAt } from '../config/input-tree.ts';
import { type Misfit, type OutputOf, parseWith } from '../config/shape.ts';
import { accountKeys } from './account-keys.ts';
import type { Problem, Section } from './change.ts';
import {
  type Declaration,
  describeDeclaration,
  type Item,
  type Outline,
  parseOutline,
  referablePlaces,
  SECTIONS,
} from './document.ts';
import { resolveReferences, type Sources } from './references.ts';
import { channelKeys, recipientKeys, routeKeys } from './route-keys.ts';
import { upstreamKeys } from './upstream-keys.ts';

export type ReadDeclaration =
  | Readonly<{
      kind: 'read';
      declaration: Declaration;
      problems: readonly Problem[];
      /** Sections of which an item is missing, because it cannot be told what it declares. */
      incomplete: ReadonlySet<Section>;
      /** The line of a path, or of the nearest above it. */
      lineOf: (path: Path) => number | null;
    }>
  /** It is no YAML, or nothing like a declaration. One line each. */
  | Readonly<{ kind: 'broken'; problems: readonly string[] }>;

/** `name`: the file, for people. */
export async function readDeclaration(
  text: string,
  name: string,
  sources: Sources,
): Promise<ReadDeclaration> {
  const { readYaml } = await import('../config/yaml-text.ts');
  const read = readYaml(text);
  if (read.kind === 'broken') {
    const problems = read.problems.map(
      ({ line, column, reason }) => `${withoutSource(reason)} (${name} line ${line} column ${column})`,
    );
    return { kind: 'broken', problems };
  }
  if (!isTree(read.value)) {
    const problem = `${name} has no keys; "postern export" shows what a declaration looks like`;
    return { kind: 'broken', problems: [problem] };
  }
  const { tree: resolved, problems: unread } = resolveReferences(read.value, referablePlaces(), sources);
  const tree = withoutNulls(resolved);
  const { declaration, misfits, incomplete } = readSections(tree);
  const complaints = complaintsAbout(misfits, describeDeclaration(), {
    at: path => valueAt(tree, path),
    isHidden: () => false,
  }).map(({ path, text: said }) => ({ path, text: said.slice(formatPath(path).length + 2) }));
  const lineOf = (path: Path): number | null => lineOfNearest(read.lineOf, path);
  return { kind: 'read', declaration, problems: [...unread, ...complaints], incomplete, lineOf };
}

/** What stands in the file may be a password that YAML takes for an alias, or for the head of a block. */
function withoutSource(reason: string): string {
  return reason.replace(/([*&])[^\s;:]+/g, '$1…').replace(/^(not YAML: [^:]*):.*$/s, '$1');
}

type SectionsRead = Readonly<{
  declaration: Declaration;
  misfits: readonly Misfit[];
  incomplete: ReadonlySet<Section>;
}>;

/** What a tree of plain values declares, and what of it does not fit. */
export function readSections(tree: unknown): SectionsRead {
  const parsed = parseOutline(tree);
  const misfits: Misfit[] = parsed.kind === 'valid' ? [] : [...parsed.misfits];
  // A list that is none, or a mistyped name of a section: its items are missing.
  const incomplete = new Set<Section>(misfits.length === 0 ? [] : SECTIONS);
  const outline = parsed.kind === 'valid' ? parsed.value : usableOutline(tree);
  const readOf = <Schema extends AnySchema>(section: Section, schema: Schema) => {
    const list = outline[section];
    if (list === undefined) return null;
    const read = list.map((given, index) => ({ index, ...readItem(schema, given) }));
    const items: Item<OutputOf<Schema>>[] = [];
    for (const { index, value, misfits: own } of read) {
      misfits.push(...own.map(misfit => ({ ...misfit, path: [section, index, ...misfit.path] })));
      if (value === null) incomplete.add(section);
      else items.push({ index, value: value.output });
    }
    return items;
  };
  const declaration: Declaration = {
    upstreams: readOf('upstreams', upstreamKeys),
    accounts: readOf('accounts', accountKeys),
    routes: readOf('routes', routeKeys),
    recipients: readOf('recipients', recipientKeys),
    alert_channels: readOf('alert_channels', channelKeys),
  };
  return { declaration, misfits, incomplete };
}

type AnySchema = Parameters<typeof parseWith>[0];

/** Without the values that do not fit; `value` is null where one is missing that must be there. */
function readItem<Schema extends AnySchema>(
  schema: Schema,
  given: unknown,
): Readonly<{ value: Readonly<{ output: OutputOf<Schema> }> | null; misfits: readonly Misfit[] }> {
  const parsed = parseWith(schema, given);
  if (parsed.kind === 'valid') return { value: { output: parsed.value }, misfits: [] };
  const { misfits } = parsed;
  const wrong = misfits.flatMap(({ path, keys }) =>
    keys === null ? [path] : keys.map(key => [...path, key]),
  );
  const rest = parseWith(schema, wrong.reduce<unknown>(withoutKey, given));
  return { value: rest.kind === 'valid' ? { output: rest.value } : null, misfits };
}

/** Without the sections that are no lists. */
function usableOutline(tree: unknown): Outline {
  const lists = SECTIONS.flatMap(name => {
    const list = valueAt(tree, [name]);
    return Array.isArray(list) ? [[name, list] as const] : [];
  });
  return { version: 1, ...Object.fromEntries(lists) };
}

/** Without what stands at a path of keys; of a list as a whole. */
function withoutKey(tree: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (!isTree(tree) || step === undefined) return tree;
  const inner = isTree(tree[step]) && rest.length > 0 ? withoutKey(tree[step], rest) : undefined;
  return Object.fromEntries(
    Object.entries(tree).flatMap(([name, value]) =>
      name !== String(step) ? [[name, value]] : inner === undefined ? [] : [[name, inner]],
    ),
  );
}

/** A key without a value is not given: `routes:` above lines that are all commented out. In lists too. */
function withoutNulls(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withoutNulls);
  if (!isTree(tree)) return tree;
  return Object.fromEntries(
    Object.entries(tree).flatMap(([name, value]) => (value === null ? [] : [[name, withoutNulls(value)]])),
  );
}

function lineOfNearest(lineOf: (path: Path) => number | null, path: Path): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = lineOf(path.slice(0, length));
    if (line !== null) return line;
  }
  return null;
}
