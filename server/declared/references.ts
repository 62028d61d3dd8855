// Secrets that stand elsewhere: where a declaration has `{ file: PATH }` or `{ env: NAME }` in the place of a secret, that is
// replaced by what stands there. Of a file the first line counts, as for --password-file; all of it where a certificate or key
// is meant. Reading is handed in; what was read is in no complaint.

import { formatPath } from '../config/complaints.ts';
import type { Environment } from '../config/environment.ts';
import { isTree, type Path } from '../config/input-tree.ts';
import type { Problem } from './change.ts';

export type Sources = Readonly<{
  /** The octets of a file, or why it cannot be read. */
  readFile: (path: string) => Readonly<{ octets: Uint8Array } | { reason: string }>;
  environment: Environment;
}>;

/** Paths as `upstreams[].password`: of one line, and of several. */
export type Places = Readonly<{ line: ReadonlySet<string>; block: ReadonlySet<string> }>;

/** In the place of what cannot be read: the rest is looked at all the same. */
const UNREAD = '-';

export function resolveReferences(
  tree: unknown,
  places: Places,
  sources: Sources,
): Readonly<{ tree: unknown; problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  /** A secret that is commented out, or taken for an anchor, must not count as one that is left out. */
  const noValue = (path: Path): unknown => {
    const pattern = patternOf(path);
    if (!places.line.has(pattern) && !places.block.has(pattern)) return null;
    problems.push({
      path,
      text: 'has no value; put text that begins with # or & in quotes, or leave the key out',
    });
    return UNREAD;
  };
  const walk = (value: unknown, path: Path): unknown => {
    if (value === null) return noValue(path);
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (!isTree(value)) return value;
    const pattern = patternOf(path);
    const isBlock = places.block.has(pattern);
    if (isBlock || places.line.has(pattern)) {
      const read = readReference(value, sources, isBlock);
      if (read === null) return value;
      if ('text' in read) return read.text;
      problems.push({ path, text: read.why });
      return UNREAD;
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, walk(inner, [...path, name])]),
    );
  };
  return { tree: walk(tree, []), problems };
}

/** `upstreams[].password` of `upstreams[2].password`. */
function patternOf(path: Path): string {
  return formatPath(path).replace(/\[\d+\]/g, '[]');
}

type Read = Readonly<{ text: string }> | Readonly<{ why: string }>;

/** Null: it is no reference. */
function readReference(
  value: Readonly<Record<string, unknown>>,
  { readFile, environment }: Sources,
  isBlock: boolean,
): Read | null {
  const [[key, name] = ['', null], ...others] = Object.entries(value);
  if (others.length > 0 || typeof name !== 'string' || name === '') return null;
  if (key === 'env') {
    const text = environment[name];
    if (text !== undefined && text !== '') return { text };
    return { why: `the variable ${name} is not set, or is empty; set it when you apply the file` };
  }
  if (key !== 'file') return null;
  const read = readFile(name);
  if ('reason' in read) return { why: `the file "${name}" cannot be read: ${read.reason}` };
  return textOf(read.octets, name, isBlock);
}

function textOf(octets: Uint8Array, name: string, isBlock: boolean): Read {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return { why: `the file "${name}" is not UTF-8; convert it, for example with iconv` };
  }
  const wanted = isBlock ? text : (text.split('\n', 1)[0] ?? '').replace(/\r$/, '');
  if (wanted.trim() !== '') return { text: wanted };
  return { why: `${isBlock ? 'the file' : 'the first line of the file'} "${name}" is empty` };
}
