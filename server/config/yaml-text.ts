// YAML text to values and back, with the line of each key, so that a complaint can say where. The only importer of yaml;
// loaded only where there is YAML to read or write, because it costs 10 MB.

import {
  type Alias,
  Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
  visit,
} from 'yaml';

export type YamlProblem = Readonly<{ line: number; column: number; reason: string }>;

export type ReadYaml =
  | Readonly<{
      kind: 'read';
      value: unknown;
      /** The line (from 1) on which the key or item at `path` stands; null when it does not stand there. */
      lineOf: (path: readonly (string | number)[]) => number | null;
    }>
  | Readonly<{ kind: 'broken'; problems: readonly YamlProblem[] }>;

/** Reads one YAML 1.2 document. A key given twice is a problem, not the last one's win. */
export function readYaml(text: string): ReadYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    const problems = document.errors.map(error => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { line, column: col, reason: reasonOf(error.code, error.message) };
    });
    return { kind: 'broken', problems };
  }
  const unusable = unusableNodes(document).map(({ offset, reason }) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, reason };
  });
  if (unusable.length > 0) return { kind: 'broken', problems: unusable };
  const lineOf = (path: readonly (string | number)[]): number | null => {
    const offset = offsetOf(document.contents, path);
    return offset === null ? null : lines.linePos(offset).line;
  };
  try {
    return { kind: 'read', value: document.toJS(), lineOf };
  } catch (error) {
    // Aliases that expand without end.
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'broken', problems: [{ line: 1, column: 1, reason }] };
  }
}

/** YAML text of a value, two spaces a level, long lines left whole. */
export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}

/** Lines of comment: above everything, and at the end of the section or item at each path. */
export type Comments = Readonly<{
  top: readonly string[];
  below: readonly Readonly<{ path: readonly (string | number)[]; lines: readonly string[] }>[];
}>;

/** The same with comments. Text of several lines stands as a block. */
export function writeCommentedYaml(value: unknown, comments: Comments): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  document.commentBefore = commentOf(comments.top);
  for (const { path, lines } of comments.below) {
    const node = document.getIn(path, true);
    if ((isMap(node) || isSeq(node)) && lines.length > 0) node.comment = commentOf(lines);
  }
  return document.toString({ lineWidth: 0 });
}

function commentOf(lines: readonly string[]): string {
  return lines.map(line => ` ${line}`).join('\n');
}

type Unusable = Readonly<{ offset: number; reason: string }>;

/** What is YAML and yet no configuration. Left in, it would end as a warning of the library, or never. */
function unusableNodes(document: Document.Parsed): readonly Unusable[] {
  const found: Unusable[] = [];
  visit(document, {
    Alias: (_, alias) => {
      const reason = aliasProblem(alias, document);
      if (reason !== null) found.push({ offset: alias.range?.[0] ?? 0, reason });
    },
    Pair: (_, { key }) => {
      if (!isNode(key) || isScalar(key)) return;
      found.push({ offset: key.range?.[0] ?? 0, reason: 'this key is not a plain word; write KEY: VALUE' });
    },
  });
  return found;
}

function aliasProblem(alias: Alias, document: Document.Parsed): string | null {
  const target = alias.resolve(document);
  if (target === undefined) {
    return `*${alias.source} stands for nothing: no &${alias.source} comes before it; quote it if text is meant`;
  }
  const [start, , end] = target.range ?? [0, 0, 0];
  const at = alias.range?.[0] ?? 0;
  return start <= at && at < end
    ? `*${alias.source} stands inside what it stands for; write the value itself`
    : null;
}

function offsetOf(root: unknown, path: readonly (string | number)[]): number | null {
  let node = root;
  let offset: number | null = null;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return null;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? null) : null;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = rangeStart(node);
    } else {
      return null;
    }
  }
  return offset;
}

function rangeStart(node: unknown): number | null {
  return isMap(node) || isSeq(node) || isScalar(node) ? (node.range?.[0] ?? null) : null;
}

function reasonOf(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is given twice; keep one of them';
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; use spaces';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (---); keep one document';
    default:
      return `not YAML: ${message.split('\n')[0] ?? ''}`;
  }
}
