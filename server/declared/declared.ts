// Declarations over this Postern: what applying one would do, doing it, and writing one of what there is. A running server
// sees it as it sees every change by the command line.

import { formatPath } from '../config/complaints.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import type { Change, Problem, Section } from './change.ts';
import type { Declaration } from './document.ts';
import { type Applied, carryOut, type ExecutionDeps } from './execution.ts';
import { type Exported, exportState } from './export.ts';
import { changesOf, planDeclaration, problemsOf, type State, warningsOf } from './plan.ts';
import { readSections } from './read-declaration.ts';
import { comparePasswords, type Parts, readState } from './state.ts';

/** A declaration that was read, with what is wrong with its text. */
export type ReadText = Readonly<{
  declaration: Declaration;
  problems: readonly Problem[];
  incomplete: ReadonlySet<Section>;
}>;

export type Preview =
  | Readonly<{ kind: 'refused'; problems: readonly Problem[] }>
  | Readonly<{
      kind: 'planned';
      /** In the order of the document; what stays as it is among them. */
      changes: readonly Change[];
      /** For the operator, one line each. */
      warnings: readonly string[];
      apply: () => Promise<Applied>;
    }>;

export type Declared = Readonly<{
  /** Changes nothing. `prune`: also remove what a section of the file does not name. */
  preview: (read: ReadText, options: Readonly<{ prune: boolean }>) => Promise<Preview>;
  /** With secrets, the audit knows. */
  export: (
    options: Readonly<{ withSecrets: boolean }>,
  ) => Promise<(Exported & Readonly<{ kind: 'exported' }>) | Readonly<{ kind: 'refused'; text: string }>>;
}>;

export type DeclaredDeps = ExecutionDeps & Parts & Readonly<{ hostname: string }>;

export function createDeclared(deps: DeclaredDeps): Declared {
  const { hostname } = deps;
  return {
    preview: async (read, { prune }) => {
      const { declaration } = read;
      const state = await readState(deps);
      const passwords = await comparePasswords(declaration, state.accounts, deps.hasher);
      const planOver = (now: State) => planDeclaration(declaration, now, { prune, passwords, hostname });
      const plan = planOver(state);
      const problems = problemsOf(plan, read);
      if (problems.length > 0) return { kind: 'refused', problems };
      const apply = () => carryOut(deps, plan, { readState: () => readState(deps), planOver });
      return { kind: 'planned', changes: changesOf(plan), warnings: warningsOf(plan), apply };
    },
    export: async ({ withSecrets }) => {
      const state = await readState(deps);
      const exported = exportState(state, { withSecrets });
      if (withSecrets) {
        const result = await deps.database.commit([deps.audit({ action: 'secrets.exported', object: '' })]);
        if (result.kind === 'full' || result.kind === 'busy' || result.kind === 'io') {
          return { kind: 'refused', text: storageRefusalText(result) };
        }
      }
      const warnings = [...exported.warnings, ...doubtsAbout(state, hostname)];
      return { kind: 'exported', ...exported, warnings };
    },
  };
}

const EMPTY: State = { upstreams: [], accounts: [], routes: [], recipients: [], channels: [] };

/** What the export cannot say: applied here it would change something, or elsewhere it would be refused. */
function doubtsAbout(state: State, hostname: string): readonly string[] {
  const { document } = exportState(state, { withSecrets: false });
  const { declaration } = readSections(document);
  const planOver = (one: State) =>
    planDeclaration(declaration, one, { prune: true, passwords: new Map(), hostname });
  const problemsOver = (one: State) => problemsOf(planOver(one), { problems: [], incomplete: new Set() });
  const changed = changesOf(planOver(state)).filter(({ action }) => action !== 'unchanged');
  // Of an empty Postern: secrets are missing there, of course.
  const elsewhere = problemsOver(EMPTY).filter(({ path: [section] }) => section === 'routes');
  return [
    ...changed.map(
      ({ kind, name, changed: keys }) =>
        `No declaration can say all of the ${kind.replace('_', ' ')} ${name}: applied here, the export changes ${keys.join(', ')}.`,
    ),
    ...problemsOver(state).map(
      ({ path, text }) => `Applied here, the export is refused: ${formatPath(path)}: ${text}`,
    ),
    ...elsewhere.map(
      ({ path, text }) => `Applied elsewhere, the export is refused: ${formatPath(path)}: ${text}`,
    ),
  ];
}
