// `postern config …`: check and show the configuration, and write the documents that are generated from it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writingTrouble } from '../config/file-trouble.ts';
import type { ConfigSources } from '../config/load.ts';
import { loadConfig } from '../config/load.ts';
import { type Config, describeConfig, writeConfig } from '../config/schema.ts';
import type { KeyDescription } from '../config/shape.ts';
import { type Call, type Command, done, failed, type Result } from './command.ts';

/** The config folder of this checkout, where the generated documents stand. */
const DOCUMENTS = join(import.meta.dirname, '../../config');

/** `commands` are all of them, for the reference. */
export function configCommands(commands: () => readonly Command[]): readonly Command[] {
  return [
    {
      name: 'config check',
      argument: '',
      means: 'say everything that is wrong with the configuration',
      options: [],
      printsData: true,
      needs: 'nothing',
      run: check,
    },
    {
      name: 'config show',
      argument: '',
      means: 'print the configuration in force and where each value comes from (secrets masked)',
      options: [],
      printsData: true,
      needs: 'nothing',
      run: show,
    },
    {
      name: 'config docs',
      argument: '',
      means: 'write the reference, the list of providers, the example and the JSON schema',
      options: [
        { flags: '--check', means: 'only say whether they are up to date' },
        { flags: '--out DIR', means: 'write them there instead of into this checkout' },
      ],
      printsData: false,
      needs: 'nothing',
      run: call => docs(call, commands()),
    },
  ];
}

async function check(_call: Call, sources: ConfigSources): Promise<Result> {
  const loaded = await loadConfig(sources);
  const problems = loaded.kind === 'refused' ? loaded.problems : missingFiles(loaded.config);
  if (loaded.kind === 'refused' || problems.length > 0) {
    const count = problems.length;
    return done(
      problems.join('\n'),
      { ok: false, file: loaded.kind === 'refused' ? null : loaded.file, problems, warnings: [] },
      {
        problem: `The configuration has ${count === 1 ? 'one problem' : `${count} problems`}, listed on standard output: correct ${count === 1 ? 'it' : 'them'}, then check again.`,
      },
    );
  }
  const source =
    loaded.file === null
      ? 'There is no configuration file; the defaults'
      : `${loaded.file} and the environment`;
  return done(
    `${source} are valid.`,
    { ok: true, file: loaded.file, problems: [], warnings: loaded.cautions },
    { warnings: loaded.cautions },
  );
}

/** Not part of loading: an operator must reach accounts and queue without a certificate. */
function missingFiles({ tls }: Config): readonly string[] {
  return (['certificate', 'key'] as const).flatMap(name => {
    const path = tls[name];
    if (path === undefined || existsSync(path)) return [];
    return [`tls.${name}: there is no file "${path}", or it cannot be seen from here; correct the path`];
  });
}

async function show(_call: Call, sources: ConfigSources): Promise<Result> {
  const loaded = await loadConfig(sources);
  if (loaded.kind === 'refused') return failed(...loaded.problems);
  const keys = describeConfig().filter(description => description.type === 'key');
  const written = writtenConfig(loaded.config, keys);
  const { writeYaml } = await import('../config/yaml-text.ts');
  const from = keys
    .map(({ path }) => ({ path, source: loaded.sourceOf(path) }))
    .filter(({ source }) => source !== null)
    .map(({ path, source }) => `# ${path}: from ${source}`);
  const text = [...from, writeYaml(written).trimEnd()].join('\n');
  return done(text, written, { warnings: loaded.cautions });
}

/** The configuration as one would write it in the file: `50 MiB`, `5m`; secrets as asterisks. */
export function writtenConfig(config: Config, keys: readonly KeyDescription[]): object {
  return masked(writeConfig(config), '', new Set(keys.filter(key => key.secret).map(key => key.path)));
}

function masked(tree: object, path: string, secret: ReadonlySet<string>): object {
  return Object.fromEntries(
    Object.entries(tree).map(([name, value]) => {
      const own = path === '' ? name : `${path}.${name}`;
      if (secret.has(own)) return [name, '********'];
      const isSection = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [name, isSection ? masked(value, own, secret) : value];
    }),
  );
}

async function docs(call: Call, commands: readonly Command[]): Promise<Result> {
  const { generatedDocuments } = await import('./reference.ts');
  const folder = call.value('out') ?? DOCUMENTS;
  const documents = Object.entries(generatedDocuments(commands));
  if (call.has('check')) {
    const stale = documents
      .filter(
        ([name, text]) =>
          !existsSync(join(folder, name)) || readFileSync(join(folder, name), 'utf8') !== text,
      )
      .map(([name]) => name);
    if (stale.length === 0) return done('The generated documents are up to date.');
    return failed(
      `Not up to date: ${stale.join(', ')}. Run "postern config docs" and commit what it writes.`,
    );
  }
  try {
    for (const [name, text] of documents) writeFileSync(join(folder, name), text);
  } catch (error) {
    const { reason, remedy } = writingTrouble(error);
    return failed(`The documents cannot be written to "${folder}": ${reason}. ${remedy}`);
  }
  return done(documents.map(([name]) => `wrote ${join(folder, name)}`).join('\n'));
}
