// The accounts: add, show, change, remove. The command line calls these on its own database, the server asks the view.
// Every change is one commit together with its line of the audit. A password leaves here only once, when it was generated.
// Nothing throws for what an operator can do wrong: every refusal is a value with a sentence.

import type { AuditFact } from '../audit/audit-entry.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Account, StoredAccount } from './account.ts';
import { type AdditionDeps, addAccount, type NewAccount } from './account-addition.ts';
import { type AccountChange, planChange } from './account-change.ts';
import { commitSteps, type Step, steps } from './account-commit.ts';
import { type AccountFacts, factsOf } from './account-facts.ts';
import type { AccountPolicy } from './account-policy.ts';
import { type AccountProblem, notFound, OVERTAKEN } from './account-problem.ts';
import { standingOf } from './account-standing.ts';
import { deleteEndedCredentials, removeAccount, updateEnabled } from './account-statements.ts';
import { createAccountView } from './account-view.ts';
import { newLacks } from './mechanism-lacks.ts';
import {
  type ChosenPassword,
  choosePassword,
  describePassword,
  makeCredential,
  type PasswordOptions,
  passwordSteps,
  planChangeover,
} from './password-change.ts';
import type { Principal } from './principal.ts';

export type AccountChanged = Readonly<{
  kind: 'done';
  account: Account;
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

export type PasswordSet = AccountChanged &
  Readonly<{
    /** To be shown once; null where the operator chose the password. */
    generatedPassword: string | null;
  }>;

export type Accounts = Readonly<{
  add: (request: NewAccount) => Promise<PasswordSet | AccountProblem>;
  /** By canonical name. */
  list: () => readonly AccountFacts[];
  /** Any spelling of the name or of an alias will do, here and in all that follows. */
  show: (name: string) => AccountFacts | null;
  set: (name: string, change: AccountChange) => Promise<AccountChanged | AccountProblem>;
  /** Null generates one. Without grace, what was verified with the old password counts no more, at once. */
  setPassword: (
    name: string,
    password: string | null,
    options?: PasswordOptions,
  ) => Promise<PasswordSet | AccountProblem>;
  enable: (name: string) => Promise<AccountChanged | AccountProblem>;
  disable: (name: string) => Promise<AccountChanged | AccountProblem>;
  /** Its names are free at once; the row stays while mail refers to it. Returns the account as it was. */
  remove: (name: string) => Promise<AccountChanged | AccountProblem>;
  /** For the verifier: the account as it is now, secrets included, from memory. By name or alias. */
  lookup: (canonicalName: string) => StoredAccount | null;
  /** Reads what another process (the command line) may have changed a moment ago. */
  refresh: () => Promise<void>;
  /** Reads all again: for whoever wrote about accounts in this process. */
  reload: () => Promise<void>;
  /** The account of a session as it is now, from memory; null once it was removed. */
  byId: (id: string) => Account | null;
  /** What a session may still do: the policy as it is now; null where it may not send any more. From memory. */
  standing: (principal: Principal, address: ClientAddress) => AccountPolicy | null;
  /** Deletes the passwords whose changeover is over. */
  forgetEnded: () => Promise<void>;
}>;

export type AccountsDeps = AdditionDeps &
  Readonly<{
    /** A change could not be read; the accounts known before stay in force until it can. */
    onStale: (text: string) => void;
  }>;

/** Reads all accounts once. Rejects where the database cannot be read. */
export async function createAccounts(deps: AccountsDeps): Promise<Accounts> {
  const { clock } = deps;
  const view = await createAccountView(deps);
  const find = (name: string) => view.byCanonicalName(canonicalName(name));

  /** Commits with the audit, reads again, and returns the account under its new or old name. */
  const change = async (
    account: Account,
    fact: Pick<AuditFact, 'action' | 'detail'>,
    stepsNow: () => readonly Step[],
  ): Promise<AccountChanged | AccountProblem> => {
    const audit = deps.audit({ ...fact, object: account.name });
    const problem = await commitSteps(deps, () => [...stepsNow(), ...steps([audit], OVERTAKEN)]);
    await view.reload();
    if (problem !== null) return problem;
    return done(view.byId(account.id)?.account ?? account);
  };

  const done = (account: Account): AccountChanged => {
    const isOver = account.enabled && account.expiresAt !== null && account.expiresAt <= clock.now();
    return { kind: 'done', account, warnings: isOver ? [EXPIRED] : [] };
  };

  const setEnabled = async (name: string, enabled: boolean): Promise<AccountChanged | AccountProblem> => {
    const stored = find(name);
    if (stored === null) return notFound(name);
    const { account } = stored;
    const action = enabled ? 'account.enabled' : 'account.disabled';
    return change(account, { action }, () => steps([updateEnabled(account.id, enabled)], notFound(name)));
  };

  const setPassword: Accounts['setPassword'] = async (name, password, options = {}) => {
    const stored = find(name);
    if (stored === null) return notFound(name);
    const { account } = stored;
    const typed = [account, ...account.aliases].map(one => one.name);
    const chosen = choosePassword(deps.random, password, typed, options);
    if (chosen.kind !== 'chosen') return chosen;
    const now = clock.now();
    const plan = planChangeover(stored, options.grace, now);
    const made = await makeCredential(deps, account, chosen, plan, now);
    const fact = { action: 'account.password', detail: describePassword(chosen, plan) } as const;
    const result = await change(account, fact, () => passwordSteps(deps, account, plan, made));
    return result.kind === 'done' ? passwordSet(result, chosen) : result;
  };

  return {
    add: async request => {
      const result = await addAccount(deps, name => find(name) !== null, request);
      await view.reload();
      if (result.kind !== 'added') return result;
      const stored = view.byId(result.id);
      if (stored === null) return notFound(request.name ?? '');
      return passwordSet(done(stored.account), result.chosen);
    },
    list: () => view.all().map(stored => factsOf(stored, clock.now(), deps.sealer)),
    show: name => {
      const stored = find(name);
      return stored === null ? null : factsOf(stored, clock.now(), deps.sealer);
    },
    set: async (name, wanted) => {
      const stored = find(name);
      if (stored === null) return notFound(name);
      const planned = planChange(stored.account, wanted);
      if (planned.kind !== 'planned') return planned;
      const { detail } = planned;
      const result = await change(stored.account, { action: 'account.changed', detail }, () => planned.steps);
      if (result.kind !== 'done') return result;
      const now = view.byId(stored.account.id);
      return now === null ? result : withWarnings(result, newLacks(stored, now, clock.now()));
    },
    setPassword,
    enable: name => setEnabled(name, true),
    disable: name => setEnabled(name, false),
    remove: async name => {
      const account = find(name)?.account;
      if (account === undefined) return notFound(name);
      return change(account, { action: 'account.removed' }, () =>
        steps(removeAccount(account.id, clock.now()), notFound(name)),
      );
    },
    lookup: view.byCanonicalName,
    refresh: view.refresh,
    reload: view.reload,
    byId: id => view.byId(id)?.account ?? null,
    standing: (principal, address) =>
      standingOf(view.byId(principal.accountId), principal, address, clock.now()),
    forgetEnded: async () => {
      await deps.database.commit([deleteEndedCredentials(clock.now())]);
      await view.reload();
    },
  };
}

const EXPIRED =
  'The account has expired: its logins are refused until "postern account set" gives it a later date.';

function withWarnings(changed: AccountChanged, more: readonly string[]): AccountChanged {
  return { ...changed, warnings: [...changed.warnings, ...more] };
}

function passwordSet(changed: AccountChanged, chosen: ChosenPassword): PasswordSet {
  const generatedPassword = chosen.madeBy === 'postern' ? chosen.password : null;
  return { ...withWarnings(changed, chosen.warnings), generatedPassword };
}
