// Reads the configuration: flag before environment before file before default. All that is wrong is said at once, one line
// each with path, reason and what is allowed; nothing starts on a configuration that was half understood.
// Relative paths, in the file too, count from the folder that Postern is started in, as `./data` in the default does.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { cautions, conflicts } from './combinations.ts';
import { complaintsAbout, formatPath } from './complaints.ts';
import { type Environment, FILE_SUFFIX, readEnvironment, type Setting } from './environment.ts';
import { codeOf, readingTrouble } from './file-trouble.ts';
import {
  aboveItems,
  isTree,
  type Path,
  valueAt,
  withoutNulls,
  withoutValue,
  withValue,
} from './input-tree.ts';
import { type Config, describeConfig, parseConfig } from './schema.ts';
import type { KeyDescription } from './shape.ts';

export type ConfigSources = Readonly<{
  /** `--config FILE` and `--data DIR`. */
  flags: Readonly<{ config?: string; data?: string }>;
  environment: Environment;
  /** The folder that Postern was started in. */
  folder: string;
}>;

export type LoadedConfig = Readonly<{
  kind: 'loaded';
  /** Paths in it are absolute. */
  config: Config;
  /** The file that was read; null when there is none. */
  file: string | null;
  /** One line each: allowed, but perhaps not meant. */
  cautions: readonly string[];
  /** Where the value at a path comes from, for people; null for a default. */
  sourceOf: (path: string) => string | null;
}>;

export type RefusedConfig = Readonly<{ kind: 'refused'; problems: readonly string[] }>;

type FileText =
  | Readonly<{ kind: 'text'; path: string; text: string }>
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'unreadable'; problem: string }>;

const SEARCHED = ['config/postern.yaml', '/etc/postern/postern.yaml'];

export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig | RefusedConfig> {
  const { flags, environment, folder } = sources;
  const problems: string[] = [];
  const file = findFile(flags.config ?? nonEmpty(environment['POSTERN_CONFIG']), folder);
  const keys = describeConfig().filter(description => description.type === 'key');
  const fromFile = await readFile(file);
  const fromEnvironment = await readVariables(environment, folder, keys);
  problems.push(...fromFile.problems, ...fromEnvironment.problems);
  const settings = [...fromEnvironment.settings, ...dataFolder(sources)];

  const input = settings.reduce((tree, { path, value }) => withValue(tree, path, value), fromFile.value);
  const sourceOf = (path: Path): string | null => {
    const setting = settings.findLast(({ path: own }) => own.every((step, index) => path[index] === step));
    if (setting !== undefined) return setting.source;
    const line = lineOfNearest(fromFile.lineOf, path);
    return line === null || file.kind !== 'text' ? null : `${file.path} line ${line}`;
  };
  const isHidden = (path: Path) => sourceOf(path)?.endsWith(FILE_SUFFIX) === true;
  const checked = check(input, { sourceOf, isHidden });
  problems.push(...checked.problems);
  if (problems.length > 0 || checked.config === null) return { kind: 'refused', problems };
  return {
    kind: 'loaded',
    config: withAbsolutePaths(checked.config, folder),
    file: file.kind === 'text' ? file.path : null,
    cautions: cautions(checked.config),
    sourceOf: path => (valueAt(input, path.split('.')) === undefined ? null : sourceOf(path.split('.'))),
  };
}

function findFile(given: string | undefined, folder: string): FileText {
  for (const candidate of given === undefined ? SEARCHED : [given]) {
    const read = readText(resolve(folder, candidate));
    if ('text' in read) return { kind: 'text', path: candidate, text: read.text };
    if (given === undefined && read.missing) continue;
    const problem = `${candidate}: cannot read the configuration file: ${read.reason}`;
    return { kind: 'unreadable', problem };
  }
  return { kind: 'none' };
}

async function readFile(
  file: FileText,
): Promise<Readonly<{ value: unknown; problems: readonly string[]; lineOf: (path: Path) => number | null }>> {
  const nothing = { value: {}, lineOf: () => null };
  if (file.kind === 'none') return { ...nothing, problems: [] };
  if (file.kind === 'unreadable') return { ...nothing, problems: [file.problem] };
  const { readYaml } = await import('./yaml-text.ts');
  const read = readYaml(file.text);
  if (read.kind === 'broken') {
    const problems = read.problems.map(
      ({ line, column, reason }) => `${file.path} line ${line} column ${column}: ${reason}`,
    );
    return { ...nothing, problems };
  }
  const value = withoutNulls(read.value) ?? {};
  if (isTree(value)) return { value, problems: [], lineOf: read.lineOf };
  return {
    ...nothing,
    problems: [`${file.path}: has no keys; write KEY: VALUE lines as in config/postern.example.yaml`],
  };
}

async function readVariables(environment: Environment, folder: string, keys: readonly KeyDescription[]) {
  if (!Object.keys(environment).some(name => name.startsWith('POSTERN_')))
    return { settings: [], problems: [] };
  const { readYaml } = await import('./yaml-text.ts');
  return readEnvironment(environment, { keys, readYaml, readText: path => readText(resolve(folder, path)) });
}

/** `--data` and POSTERN_DATA_DIR stand above storage.path, wherever that comes from. */
function dataFolder({ flags, environment }: ConfigSources): readonly Setting[] {
  const path = ['storage', 'path'];
  if (flags.data !== undefined) return [{ path, value: flags.data, source: '--data' }];
  const value = nonEmpty(environment['POSTERN_DATA_DIR']);
  return value === undefined ? [] : [{ path, value, source: 'POSTERN_DATA_DIR' }];
}

/** Values first; then, over what is valid, what does not go together. Both are said in one go. */
function check(
  input: unknown,
  {
    sourceOf,
    isHidden,
  }: Readonly<{ sourceOf: (path: Path) => string | null; isHidden: (path: Path) => boolean }>,
): Readonly<{ config: Config | null; problems: readonly string[] }> {
  const withSource = (path: Path, text: string): string => {
    const source = sourceOf(path);
    return source === null ? text : `${text} (${source})`;
  };
  const parsed = parseConfig(input);
  const misfits = parsed.kind === 'valid' ? [] : parsed.misfits;
  const complaints = complaintsAbout(misfits, describeConfig(), {
    at: path => valueAt(input, path),
    isHidden,
  });
  const problems = complaints.map(({ path, text }) => withSource(path, text));
  const wrong = complaints.map(({ path }) => aboveItems(path));
  const rest = parsed.kind === 'valid' ? parsed : parseConfig(wrong.reduce(withoutValue, input));
  if (rest.kind === 'invalid') return { config: null, problems };
  for (const clash of conflicts(rest.value)) {
    const unsure = clash.paths.some(path =>
      wrong.some(other => formatPath(aboveItems(path)) === formatPath(other)),
    );
    // One of them may be a default, which stands nowhere.
    const given = clash.paths.find(path => valueAt(input, path) !== undefined) ?? [];
    if (!unsure) problems.push(withSource(given, clash.text));
  }
  return { config: rest.value, problems };
}

/** The line of a path, or of the nearest key above it: a missing key has no line of its own. */
function lineOfNearest(lineOf: (path: Path) => number | null, path: Path): number | null {
  for (let length = path.length; length > 0; length--) {
    const line = lineOf(path.slice(0, length));
    if (line !== null) return line;
  }
  return null;
}

function withAbsolutePaths(config: Config, folder: string): Config {
  const { certificate, key } = config.tls;
  return {
    ...config,
    storage: { ...config.storage, path: resolve(folder, config.storage.path) },
    tls: {
      ...config.tls,
      ...(certificate === undefined ? {} : { certificate: resolve(folder, certificate) }),
      ...(key === undefined ? {} : { key: resolve(folder, key) }),
    },
  };
}

function readText(path: string): Readonly<{ text: string } | { reason: string; missing: boolean }> {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    return { reason: readingTrouble(error).reason, missing: ['ENOENT', 'ENOTDIR'].includes(codeOf(error)) };
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
