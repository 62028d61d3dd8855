// Configuration from the environment: POSTERN_LIMITS_MESSAGE_SIZE is limits.message_size, its value read as YAML; with
// _FILE appended, the value stands in a file (container secrets). Unknown POSTERN_ variables are problems, not ignored.

import { nearest } from './nearest.ts';
import type { KeyDescription } from './shape.ts';
import type { ReadYaml } from './yaml-text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Setting = Readonly<{
  /** Path of the key, for example `['limits', 'message_size']`. */
  path: readonly string[];
  value: unknown;
  /** Where it comes from, for people. */
  source: string;
}>;

type Reading = Readonly<{
  keys: readonly KeyDescription[];
  readYaml: (text: string) => ReadYaml;
  /** The text of a file, or why it cannot be read. */
  readText: (path: string) => Readonly<{ text: string } | { reason: string }>;
}>;

/** Behind the name of a key's variable: the value stands in a file. Such values may be secrets and are never repeated. */
export const FILE_SUFFIX = '_FILE';

/** Read before the configuration, not part of it. */
const OTHERS = ['POSTERN_CONFIG', 'POSTERN_DATA_DIR'];

/**
 * What Kubernetes and Docker links put into every container beside a service that is named "postern":
 * refusing these would stop Postern for something that nobody wrote.
 */
const SERVICE_LINK =
  /^POSTERN_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?|NAME)$/;

/** The environment's name of a key: its path in capitals, joined by `_`. */
export function variableOf(path: string): string {
  return `POSTERN_${path.toUpperCase().replaceAll('.', '_')}`;
}

/** The settings in the environment, and one line for each variable that cannot be used. An empty variable is not set. */
export function readEnvironment(
  environment: Environment,
  { keys, readYaml, readText }: Reading,
): Readonly<{ settings: readonly Setting[]; problems: readonly string[] }> {
  const known = new Map(
    keys.filter(key => !key.path.includes('[]')).map(key => [variableOf(key.path), key] as const),
  );
  const settings: Setting[] = [];
  const problems: string[] = [];
  for (const [name, raw] of Object.entries(environment)) {
    if (!name.startsWith('POSTERN_') || OTHERS.includes(name)) continue;
    const fromFile = !known.has(name) && name.endsWith(FILE_SUFFIX);
    const base = fromFile ? name.slice(0, -FILE_SUFFIX.length) : name;
    const key = known.get(base);
    if (key === undefined) {
      if (!SERVICE_LINK.test(name)) problems.push(unknownVariable(name, [...known.keys(), ...OTHERS]));
      continue;
    }
    if (raw === undefined || raw === '') continue;
    if (fromFile && environment[base] !== undefined && environment[base] !== '') {
      problems.push(`${name}: ${base} is set too; keep one of them`);
      continue;
    }
    const text = fromFile ? readText(raw) : { text: raw };
    if ('reason' in text) {
      problems.push(`${name}: cannot read ${raw}: ${text.reason}`);
      continue;
    }
    const value = readValue(text.text.replace(/\r?\n$/, ''), key, { readYaml, fromFile });
    if ('reason' in value) problems.push(`${name}: ${value.reason}; give ${key.allowed}`);
    else settings.push({ path: key.path.split('.'), value: value.value, source: name });
  }
  return { settings, problems };
}

function readValue(
  text: string,
  key: KeyDescription,
  { readYaml, fromFile }: Readonly<{ readYaml: Reading['readYaml']; fromFile: boolean }>,
): Readonly<{ value: unknown } | { reason: string }> {
  const read = readYaml(text);
  if (key.isText) {
    // `[::1]:8025` is broken YAML and `123` a number; where only text is meant, both are that text.
    return { value: read.kind === 'read' && typeof read.value === 'string' ? read.value : text };
  }
  if (read.kind === 'read') return { value: read.value };
  return { reason: fromFile ? 'the file holds no YAML' : (read.problems[0]?.reason ?? 'not YAML') };
}

function unknownVariable(name: string, known: readonly string[]): string {
  const suggestion = nearest(name, known);
  const advice =
    suggestion === null ? 'config/reference.md lists the known ones' : `did you mean ${suggestion}?`;
  return `${name}: unknown environment variable; ${advice}`;
}
