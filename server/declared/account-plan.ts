// What a declaration changes about accounts: those that it names are added or changed; with `prune` the others are removed. An
// account is known by its own name, never by an alias. Names are unique among all accounts as they will be. Pure; whether a
// password is the one that is stored was found out before.

import type { Account, Alias, StoredAccount } from '../accounts/account.ts';
import { aliasesOf } from '../accounts/account-change.ts';
import { nameTaken } from '../accounts/account-problem.ts';
import type { SomeSettings } from '../accounts/account-settings.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { checkAccount, differing, joined, unusual } from './account-input.ts';
import type { DeclaredAccount } from './account-keys.ts';
import { type NewPassword, type PasswordFacts, planPassword } from './account-password.ts';
import { type Entry, entry, entryOf, namedTwice, type Planned, type Problem } from './change.ts';
import type { Item } from './document.ts';

export type AccountAct =
  | Readonly<{
      kind: 'add';
      name: string;
      aliases: readonly Alias[];
      settings: SomeSettings;
      enabled: boolean;
      password: NewPassword;
    }>
  | Readonly<{
      kind: 'change';
      stored: StoredAccount;
      /** All that it will have. */
      aliases: readonly Alias[];
      addAliases: readonly string[];
      removeAliases: readonly string[];
      /** Those that differ. */
      settings: SomeSettings;
      /** Null: it stays as it is. */
      enabled: boolean | null;
      password: NewPassword | null;
    }>
  | Readonly<{ kind: 'remove'; account: Account }>;

type Facts = Readonly<{
  stored: readonly StoredAccount[];
  passwords: PasswordFacts;
  prune: boolean;
}>;

type AccountItem = Item<DeclaredAccount>;

export function planAccounts(items: readonly AccountItem[], facts: Facts): Planned<AccountAct> {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const entries: Entry<AccountAct>[] = [];
  for (const item of items) {
    const planned = planAccount(item, facts);
    entries.push(...planned.entries);
    problems.push(...planned.problems);
    warnings.push(...planned.warnings);
  }
  const named = new Set(items.map(({ value }) => canonicalName(value.name)));
  const others = facts.stored.filter(({ account }) => !named.has(account.canonicalName));
  const removed = facts.prune ? others : [];
  problems.push(...namesTwice(items), ...namesTaken(items, facts.prune ? [] : others));
  return {
    entries: [
      ...entries,
      ...removed.map(({ account }) =>
        entry<AccountAct>({ kind: 'account', name: account.name }, 'removed', { kind: 'remove', account }),
      ),
    ],
    problems,
    warnings,
  };
}

function planAccount({ index, value }: AccountItem, { stored, passwords }: Facts): Planned<AccountAct> {
  const { problems: wrong, settings } = checkAccount(value);
  const aliases = distinctAliases(value);
  const before = stored.find(({ account }) => account.canonicalName === canonicalName(value.name)) ?? null;
  const password = planPassword(value, before, aliases, passwords);
  const problems = [...wrong, ...password.problems].map(({ key, text }) => ({
    path: ['accounts', index, key],
    text,
  }));
  if (problems.length > 0) return { entries: [], problems, warnings: [] };
  const warnings = password.warnings.map(text => `account ${value.name}: ${text}`);
  const enabled = value.enabled ?? true;
  const what = { kind: 'account', name: before?.account.name ?? value.name.trim() } as const;
  if (before === null) {
    if (password.made === null) throw new Error('a new account without a password was let through');
    const act = {
      kind: 'add',
      name: what.name,
      aliases,
      settings: joined(unusual(settings)),
      enabled,
    } as const;
    return {
      entries: [entry<AccountAct>(what, 'added', { ...act, password: password.made })],
      problems,
      warnings,
    };
  }
  const { account } = before;
  const changed = differing(account, settings);
  const addAliases = aliases.filter(alias => !has(account.aliases, alias)).map(({ name }) => name);
  const removeAliases = account.aliases.filter(alias => !has(aliases, alias)).map(({ name }) => name);
  const changedKeys = [
    ...(addAliases.length + removeAliases.length > 0 ? ['aliases'] : []),
    ...(account.enabled === enabled ? [] : ['enabled']),
    ...(password.made === null ? [] : [password.made.key]),
    ...changed.map(([key]) => key),
  ];
  const act: AccountAct = {
    kind: 'change',
    stored: before,
    aliases,
    addAliases,
    removeAliases,
    settings: joined(changed),
    enabled: account.enabled === enabled ? null : enabled,
    password: password.made,
  };
  return { entries: [entryOf(what, changedKeys, act)], problems, warnings };
}

/** An alias that is the name itself is none. */
function distinctAliases({ name, aliases = [] }: DeclaredAccount): readonly Alias[] {
  const read = aliasesOf(aliases);
  if (read.kind !== 'aliases') return [];
  return read.aliases.filter(alias => alias.canonicalName !== canonicalName(name));
}

function has(aliases: readonly Alias[], { canonicalName: wanted }: Alias): boolean {
  return aliases.some(alias => alias.canonicalName === wanted);
}

/** Names and aliases that two accounts of the file would have. */
function namesTwice(items: readonly AccountItem[]): readonly Problem[] {
  const names = namedTwice('accounts', items, { key: 'name', keyOf: ({ name }) => canonicalName(name) });
  const owners = new Map(items.map(({ index, value }) => [canonicalName(value.name), index]));
  const aliases = items.flatMap(({ index, value }) =>
    distinctAliases(value).flatMap(alias => {
      const owner = owners.get(alias.canonicalName);
      if (owner === undefined) owners.set(alias.canonicalName, index);
      if (owner === undefined || owner === index) return [];
      const text = `"${alias.name}" is a name of accounts[${owner}] already; keep one of them`;
      return [{ path: ['accounts', index, 'aliases'], text }];
    }),
  );
  return [...names, ...aliases];
}

/** Names that an account has which the file does not name. */
function namesTaken(items: readonly AccountItem[], others: readonly StoredAccount[]): readonly Problem[] {
  const owners = new Map(
    others.flatMap(({ account }) =>
      [account, ...account.aliases].map(name => [name.canonicalName, account.name] as const),
    ),
  );
  return items.flatMap(({ index, value }) => {
    const names = [
      ['name', { name: value.name, canonicalName: canonicalName(value.name) }] as const,
      ...distinctAliases(value).map(alias => ['aliases', alias] as const),
    ];
    return names.flatMap(([key, { name, canonicalName: canonical }]) => {
      const owner = owners.get(canonical);
      if (owner === undefined) return [];
      const text = `${nameTaken(name).text} It is a name of the account ${owner}, which the file does not name.`;
      return [{ path: ['accounts', index, key], text }];
    });
  });
}
