// A change of an account's names and settings: from what the operator wants to the statements that do it. Pure, but for the
// statements' later effect. Names are unique over the names and aliases of all accounts; the database decides.

import { canonicalName } from '../sasl/credential-text.ts';
import type { Account, Alias } from './account.ts';
import { type Step, steps } from './account-commit.ts';
import { nameProblem } from './account-name.ts';
import { type AccountProblem, nameTaken, noSuchAlias, notFound } from './account-problem.ts';
import { checkSettings, type SomeSettings, settingNames } from './account-settings.ts';
import {
  deleteAlias,
  deleteScramSecrets,
  insertAlias,
  requireAccount,
  updateName,
  updateSettings,
} from './account-statements.ts';

/** What is absent stays; null takes away. */
export type AccountChange = SomeSettings &
  Readonly<{ name?: string; addAliases?: readonly string[]; removeAliases?: readonly string[] }>;

export type PlannedChange = Readonly<{
  kind: 'planned';
  steps: readonly Step[];
  /** Names what is changed, for the audit. */
  detail: string;
}>;

export function planChange(account: Account, wanted: AccountChange): PlannedChange | AccountProblem {
  const checked = checkSettings(wanted);
  if (checked.kind !== 'settings') return checked;
  const removed = planRemovedAliases(account, wanted.removeAliases ?? []);
  if (removed.kind !== 'planned') return removed;
  const renamed = planRename(account, wanted);
  if (renamed.kind !== 'planned') return renamed;
  const added = planAddedAliases(account, wanted);
  if (added.kind !== 'planned') return added;

  const details = [renamed.detail, removed.detail, added.detail, ...settingNames(checked.settings)];
  const detail = details.filter(part => part !== '').join(', ');
  if (detail === '')
    return { kind: 'nothing-to-change', text: 'There is nothing to change: it is as you want it already.' };
  const gone = notFound(account.name);
  const set = updateSettings(account.id, checked.settings);
  return {
    kind: 'planned',
    // In this order a name can be freed and taken in one change.
    steps: [
      ...steps([requireAccount(account.id)], gone),
      ...removed.steps,
      ...renamed.steps,
      ...added.steps,
      ...(set === null ? [] : steps([set], gone)),
    ],
    detail,
  };
}

/** The aliases that are written, or why one of them can be none. Those that are named twice count once. */
export function aliasesOf(
  written: readonly string[],
): Readonly<{ kind: 'aliases'; aliases: readonly Alias[] }> | AccountProblem {
  const aliases = new Map<string, Alias>();
  for (const name of written) {
    const problem = nameProblem(name);
    if (problem !== null) return { kind: 'name-invalid', text: problem };
    const canonical = canonicalName(name);
    aliases.set(canonical, { name: name.trim(), canonicalName: canonical });
  }
  return { kind: 'aliases', aliases: [...aliases.values()] };
}

/**
 * An alias that becomes the name is one no more; the other aliases stay. The old name may become an alias in the same
 * change: what SCRAM needs for it then stays good.
 */
function planRename(account: Account, wanted: AccountChange): PlannedChange | AccountProblem {
  const { name } = wanted;
  if (name === undefined || name.trim() === account.name) return planned([], '');
  const problem = nameProblem(name);
  if (problem !== null) return { kind: 'name-invalid', text: problem };
  const canonical = canonicalName(name);
  const taken = nameTaken(name);
  const removed = (wanted.removeAliases ?? []).map(canonicalName);
  const isAlias =
    account.aliases.some(alias => alias.canonicalName === canonical) && !removed.includes(canonical);
  const kept = [name, ...(wanted.addAliases ?? [])].map(canonicalName);
  const statements = [
    ...(isAlias ? [deleteAlias(account.id, canonical)] : []),
    updateName(account.id, name.trim(), canonical),
    ...(kept.includes(account.canonicalName) ? [] : [deleteScramSecrets(account.id, account.canonicalName)]),
  ];
  return planned(steps(statements, taken), `name (now "${name.trim()}")`);
}

function planRemovedAliases(account: Account, written: readonly string[]): PlannedChange | AccountProblem {
  const wanted = new Map(written.map(name => [canonicalName(name), name]));
  for (const [canonical, name] of wanted) {
    if (account.aliases.some(alias => alias.canonicalName === canonical)) continue;
    return noSuchAlias(
      name,
      account.aliases.map(alias => alias.name),
    );
  }
  const all = [...wanted].flatMap(([canonical, name]) =>
    steps(
      [deleteAlias(account.id, canonical), deleteScramSecrets(account.id, canonical)],
      noSuchAlias(name, []),
    ),
  );
  return planned(all, quotedList('without alias', [...wanted.values()]));
}

/** Aliases that it has already are passed over, unless they are removed in the same change. */
function planAddedAliases(account: Account, wanted: AccountChange): PlannedChange | AccountProblem {
  const read = aliasesOf(wanted.addAliases ?? []);
  if (read.kind !== 'aliases') return read;
  const removed = (wanted.removeAliases ?? []).map(canonicalName);
  const added = read.aliases.filter(
    ({ canonicalName: canonical }) =>
      removed.includes(canonical) || !account.aliases.some(alias => alias.canonicalName === canonical),
  );
  const all = added.flatMap(alias => steps([insertAlias(account.id, alias)], nameTaken(alias.name)));
  return planned(
    all,
    quotedList(
      'alias',
      added.map(alias => alias.name),
    ),
  );
}

function planned(all: readonly Step[], detail: string): PlannedChange {
  return { kind: 'planned', steps: all, detail };
}

function quotedList(word: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${word} ${names.map(name => `"${name}"`).join(', ')}`;
}
