// `postern config …`: check and show the configuration, and write the documents that are generated from it.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writingTrouble } from '../config/file-trouble.ts';
import type { ConfigSources } from '../config/load.ts';
import { loadConfig } from '../config/load.ts';
import { type Config, describeConfig } from '../config/schema.ts';
import type { KeyDescription } from '../config/shape.ts';
import { formatDiskReserve, formatDuration, formatListenAddress, formatSize } from '../config/values.ts';
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
      means: 'write the reference, the example and the JSON schema',
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
  if (loaded.kind === 'refused') {
    const count = loaded.problems.length;
    return done(
      loaded.problems.join('\n'),
      { ok: false, file: null, problems: loaded.problems, warnings: [] },
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
  const secret = new Set(keys.filter(key => key.secret).map(key => key.path));
  const { limits, queue } = config;
  const written = {
    ...config,
    admin: { listen: formatListenAddress(config.admin.listen) },
    public: { listen: formatListenAddress(config.public.listen) },
    limits: {
      ...limits,
      message_size: formatSize(limits.message_size),
      login_timeout: formatDuration(limits.login_timeout),
      idle_timeout: formatDuration(limits.idle_timeout),
      command_timeout: formatDuration(limits.command_timeout),
      disk_reserve: formatDiskReserve(limits.disk_reserve),
    },
    queue: {
      ...queue,
      retry_min: formatDuration(queue.retry_min),
      retry_max: formatDuration(queue.retry_max),
      expiry: formatDuration(queue.expiry),
      retention: formatDuration(queue.retention),
    },
  };
  return masked(written, '', secret);
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
