// An item of an export: what is written of it, and the lines of comment that stand for its secrets where those are left out.
// Pure.

import type { Path } from '../config/input-tree.ts';
import { formatSize } from '../config/values.ts';

type Value = string | number | boolean | readonly string[] | Fields;
export type Fields = Readonly<{ [key: string]: Value | undefined }>;

export type Written = Readonly<{
  fields: Fields;
  /** `path`: below the item, of the section in which they stand. */
  comments: readonly Readonly<{ path: Path; lines: readonly string[] }>[];
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

export type SecretWriting = Readonly<{
  withSecrets: boolean;
  /** A name for a variable of the environment that no other secret of the document has. */
  variableFor: (...parts: readonly string[]) => string;
}>;

/** Names such as `UPSTREAM_GMAIL_PASSWORD`. They do not begin with POSTERN_: those are the configuration's. */
export function createVariables(): SecretWriting['variableFor'] {
  const taken = new Set<string>();
  return (...parts) => {
    const name = parts.map(part => part.toUpperCase().replace(/[^A-Z0-9]+/g, '_')).join('_');
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name}_${number}`;
    taken.add(free);
    return free;
  };
}

/** `key: { env: NAME }` as a comment. */
export function placeFor(key: string, variable: string): string {
  return `${key}: { env: ${variable} }`;
}

/** Without what is not given. */
export function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && !Array.isArray(value);
}

/** As the declaration reads it. */
export function writtenSize(octets: number | null): string | number | undefined {
  if (octets === null) return undefined;
  return octets % 1024 === 0 ? formatSize(octets) : octets;
}

export function writtenTime(time: number | null): string | undefined {
  return time === null ? undefined : new Date(time).toISOString();
}
