// Declarations over a real database in a folder of its own, with cheap passwords and a clock that stands still.

import { auditStatement } from '../../server/audit/audit.ts';
import type { AuditFact } from '../../server/audit/audit-entry.ts';
import { formatPath } from '../../server/config/complaints.ts';
import { writeCommentedYaml } from '../../server/config/yaml-text.ts';
import type { Change } from '../../server/declared/change.ts';
import { createDeclared, type Declared } from '../../server/declared/declared.ts';
import { type ReadDeclaration, readDeclaration } from '../../server/declared/read-declaration.ts';
import type { Sources } from '../../server/declared/references.ts';
import { makeId, systemRandom } from '../../server/ids.ts';
import { type ChannelStore, createChannelStore } from '../../server/notification/channel-store.ts';
import { type Consents, createConsents } from '../../server/relay/oauth/consents.ts';
import { createRecipientRules, type RecipientRules } from '../../server/relay/recipient-rules.ts';
import { createRoutes, type RouteView } from '../../server/relay/routes.ts';
import { createUpstreams, type Upstreams } from '../../server/relay/upstreams.ts';
import { type Bench, openBench } from '../accounts/support.ts';

export type DeclaredBench = Bench &
  Readonly<{
    declared: Declared;
    upstreams: Upstreams;
    consents: Consents;
    routes: RouteView;
    rules: RecipientRules;
    channels: ChannelStore;
    /** What applying would change; throws where it is refused. */
    plan: (text: string, options?: Options) => Promise<readonly Change[]>;
    /** Applies it; throws where it is refused. */
    apply: (text: string, options?: Options) => Promise<readonly Change[]>;
    /** `path: text (line N)` each. */
    problems: (text: string, options?: Options) => Promise<readonly string[]>;
    warnings: (text: string) => Promise<readonly string[]>;
    /** As YAML. */
    export: (options?: Readonly<{ withSecrets?: boolean }>) => Promise<string>;
    auditLines: () => Promise<readonly string[]>;
  }>;

type Options = Readonly<{ prune?: boolean; sources?: Sources }>;

export const NO_SOURCES: Sources = {
  readFile: path => ({ reason: `no test has a file ${path}` }),
  environment: {},
};

export async function openDeclaredBench(): Promise<DeclaredBench> {
  const bench = await openBench();
  const { database, clock, sealer } = bench;
  const newId = () => makeId(clock.now(), systemRandom);
  const audit = (fact: AuditFact) => auditStatement(fact, 'operator:tester', clock.now(), newId());
  const consents = createConsents({ database, clock, newId, sealer, as: 'command' });
  const upstreams = await createUpstreams({ database, clock, newId, sealer, held: consents.held });
  const routes = await createRoutes(database);
  const rules = await createRecipientRules({ database, hostname: 'postern.test' });
  const channels = await createChannelStore({ database, clock, newId, random: systemRandom, sealer, audit });
  const declared = createDeclared({
    ...bench,
    hostname: 'postern.test',
    upstreams,
    consents,
    routes,
    recipients: rules,
    channels,
    newId,
    audit,
  });

  const previewOf = async (text: string, { prune = false, sources = NO_SOURCES }: Options = {}) => {
    const read = await readDeclaration(text, 'd.yaml', sources);
    if (read.kind === 'broken') throw new Error(read.problems.join('\n'));
    return { read, preview: await declared.preview(read, { prune }) };
  };
  const planned = async (text: string, options?: Options) => {
    const { read, preview } = await previewOf(text, options);
    if (preview.kind === 'planned') return preview;
    throw new Error(linesOf(read, preview.problems).join('\n'));
  };
  return {
    ...bench,
    ...{ declared, upstreams, consents, routes, rules, channels },
    plan: async (text, options) => (await planned(text, options)).changes,
    apply: async (text, options) => {
      const preview = await planned(text, options);
      const applied = await preview.apply();
      if (applied.kind === 'refused') throw new Error(applied.text);
      return preview.changes;
    },
    problems: async (text, options) => {
      const { read, preview } = await previewOf(text, options);
      return preview.kind === 'refused' ? linesOf(read, preview.problems) : [];
    },
    warnings: async text => (await planned(text)).warnings,
    export: async ({ withSecrets = false } = {}) => {
      const exported = await declared.export({ withSecrets });
      if (exported.kind === 'refused') throw new Error(exported.text);
      if (exported.warnings.length > 0) throw new Error(exported.warnings.join('\n'));
      return writeCommentedYaml(exported.document, exported.comments);
    },
    auditLines: async () => {
      const rows = await database.read('SELECT action, object, detail FROM audit ORDER BY happened_at, id');
      return rows.map(row => [row['action'], row['object'], row['detail']].filter(Boolean).join(' | '));
    },
  };
}

/** What is not as it was, in words: `upstream gmail: changed (url)`. */
export function news(changes: readonly Change[]): readonly string[] {
  return changes
    .filter(({ action }) => action !== 'unchanged')
    .map(({ kind, name, action, changed }) => {
      const keys = changed.length === 0 ? '' : ` (${changed.join(', ')})`;
      return `${kind} ${name}: ${action}${keys}`;
    });
}

function linesOf(
  { lineOf }: Extract<ReadDeclaration, { kind: 'read' }>,
  problems: readonly Readonly<{ path: readonly (string | number)[]; text: string }>[],
): readonly string[] {
  return problems.map(({ path, text }) => `${formatPath(path)}: ${text} (line ${lineOf(path)})`);
}
