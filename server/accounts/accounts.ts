// The accounts: add, show, change, remove. The command line calls these on its own database, the server asks the view.
// Names are unique in canonical form, and the database's index is what decides a race. A password leaves here only once,
// when it was generated. Nothing throws for what an operator can do wrong: every refusal is a value with a sentence.

import type { Clock } from '../clock.ts';
import type { NewId, RandomBytes } from '../ids.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { parsePath } from '../smtp/path.ts';
import type { Database, Statement } from '../storage/database.ts';
import {
  type Account,
  insertAccount,
  removeAccount,
  replaceHash,
  type StoredAccount,
  updateEnabled,
  updateName,
  updateNote,
  updatePassword,
  updateSender,
} from './account.ts';
import { nameProblem, proposeName } from './account-name.ts';
import { type AccountProblem, nameTaken, notFound, problemOfCommit } from './account-problem.ts';
import { createAccountView } from './account-view.ts';
import type { PasswordHasher } from './password.ts';
import { generatePassword, passwordProblem, passwordWeakness } from './password-choice.ts';

/** Absent parts are left to Postern: a proposed name, a generated password, no sender, no note. */
export type NewAccount = Readonly<{
  name?: string;
  password?: string;
  sender?: string | null;
  note?: string | null;
}>;

/** Absent parts stay; null takes sender or note away. */
export type AccountChange = Readonly<{ name?: string; sender?: string | null; note?: string | null }>;

export type AccountChanged = Readonly<{ kind: 'done'; account: Account }>;

export type PasswordSet = Readonly<{
  kind: 'done';
  account: Account;
  /** To be shown once; null where the operator chose the password. */
  generatedPassword: string | null;
  /** Why the chosen password is weak, for a warning. */
  weakness: string | null;
}>;

export type Accounts = Readonly<{
  add: (request: NewAccount) => Promise<PasswordSet | AccountProblem>;
  /** By canonical name. */
  list: () => readonly Account[];
  /** Any spelling of the name will do. */
  show: (name: string) => Account | null;
  set: (name: string, change: AccountChange) => Promise<AccountChanged | AccountProblem>;
  /** Null generates one. What was verified with the old password counts no more, at once. */
  setPassword: (name: string, password: string | null) => Promise<PasswordSet | AccountProblem>;
  enable: (name: string) => Promise<AccountChanged | AccountProblem>;
  disable: (name: string) => Promise<AccountChanged | AccountProblem>;
  /** The name is free at once; the row stays while mail refers to it. Returns the account as it was. */
  remove: (name: string) => Promise<AccountChanged | AccountProblem>;
  /** For the verifier: the account as it is now, hash included, from memory. */
  lookup: (canonicalName: string) => StoredAccount | null;
  /** Reads what the command line may have changed a moment ago. */
  refresh: () => Promise<void>;
  /** The same password hashed with today's parameters. Does nothing where the password has changed meanwhile. */
  renewHash: (stored: StoredAccount, newHash: string) => Promise<void>;
  /** The account of a session as it is now, from memory; null once it was removed. */
  byId: (id: string) => Account | null;
}>;

type AccountsDeps = Readonly<{
  database: Database;
  clock: Clock;
  newId: NewId;
  random: RandomBytes;
  hasher: PasswordHasher;
  /** A change could not be read; the accounts known before stay in force until it can. */
  onStale: (text: string) => void;
}>;

/** How often another name is proposed where the first is taken: 24^5 names make a second collision unlikely. */
const PROPOSALS = 20;

/** Reads all accounts once. Rejects where the database cannot be read. */
export async function createAccounts(deps: AccountsDeps): Promise<Accounts> {
  const view = await createAccountView(deps);
  const find = (name: string) => view.byCanonicalName(canonicalName(name));

  /** Commits, reads again, and returns the account under its new or old name. */
  const change = async (
    name: string,
    statementsFor: (account: Account) => readonly Statement[],
  ): Promise<AccountChanged | AccountProblem> => {
    const stored = find(name);
    if (stored === null) return notFound(name);
    const result = await deps.database.commit(statementsFor(stored.account));
    await view.reload();
    if (result.kind !== 'committed') return problemOfCommit(result, name);
    return { kind: 'done', account: view.byId(stored.account.id)?.account ?? stored.account };
  };

  return {
    add: request => addAccount(deps, view.reload, name => find(name) !== null, request),
    list: () => view.all().map(stored => stored.account),
    show: name => find(name)?.account ?? null,
    set: async (name, wanted) => {
      const problem = problemOfParts(wanted);
      if (problem !== null) return problem;
      if (Object.values(wanted).every(part => part === undefined))
        return { kind: 'nothing-to-change', text: 'Nothing to change: give a new name, a sender or a note.' };
      const result = await change(name, account => changeStatements(account.id, wanted));
      return result.kind === 'name-taken' ? nameTaken(wanted.name ?? name) : result;
    },
    setPassword: async (name, password) => {
      const stored = find(name);
      if (stored === null) return notFound(name);
      const choice = choosePassword(deps.random, password, stored.account.name);
      if (choice.kind !== 'chosen') return choice;
      const hash = await deps.hasher.hash(choice.password);
      const result = await change(name, account => [updatePassword(account.id, hash, deps.clock.now())]);
      return result.kind === 'done' ? passwordSet(result.account, choice) : result;
    },
    enable: name => change(name, account => [updateEnabled(account.id, true)]),
    disable: name => change(name, account => [updateEnabled(account.id, false)]),
    remove: name => change(name, account => removeAccount(account.id, deps.clock.now())),
    lookup: view.byCanonicalName,
    refresh: view.reload,
    renewHash: async (stored, newHash) => {
      await deps.database.commit([replaceHash(stored, newHash)]);
      await view.reload();
    },
    byId: id => view.byId(id)?.account ?? null,
  };
}

async function addAccount(
  deps: AccountsDeps,
  reload: () => Promise<void>,
  isTaken: (name: string) => boolean,
  request: NewAccount,
): Promise<PasswordSet | AccountProblem> {
  const problem = problemOfParts(request);
  if (problem !== null) return problem;
  if (request.name !== undefined && isTaken(request.name)) return nameTaken(request.name);
  const choice = choosePassword(deps.random, request.password ?? null, request.name ?? '');
  if (choice.kind !== 'chosen') return choice;
  const passwordHash = await deps.hasher.hash(choice.password);

  for (let proposal = 0; proposal < PROPOSALS; proposal++) {
    const name = request.name ?? proposeName(deps.random);
    const account = newAccount(deps, name, request);
    const result = await deps.database.commit([insertAccount({ account, passwordHash })]);
    if (result.kind === 'committed') {
      await reload();
      return passwordSet(account, choice);
    }
    if (result.kind !== 'constraint' || request.name !== undefined) return problemOfCommit(result, name);
  }
  return { kind: 'name-taken', text: 'Every proposed name was taken: give a name.' };
}

function newAccount(deps: AccountsDeps, name: string, request: NewAccount): Account {
  const now = deps.clock.now();
  return {
    id: deps.newId(),
    name: name.trim(),
    canonicalName: canonicalName(name),
    enabled: true,
    createdAt: now,
    sender: canonicalSender(request.sender ?? null),
    note: request.note ?? null,
    credentialVersion: 1,
    passwordChangedAt: now,
  };
}

type ChosenPassword = Readonly<{
  kind: 'chosen';
  password: string;
  generated: boolean;
  weakness: string | null;
}>;

function choosePassword(
  random: RandomBytes,
  password: string | null,
  name: string,
): ChosenPassword | AccountProblem {
  if (password === null)
    return { kind: 'chosen', password: generatePassword(random), generated: true, weakness: null };
  const problem = passwordProblem(password);
  if (problem !== null) return { kind: 'password-invalid', text: problem };
  return { kind: 'chosen', password, generated: false, weakness: passwordWeakness(password, name) };
}

function passwordSet(account: Account, choice: ChosenPassword): PasswordSet {
  return {
    kind: 'done',
    account,
    generatedPassword: choice.generated ? choice.password : null,
    weakness: choice.weakness,
  };
}

function problemOfParts(wanted: AccountChange): AccountProblem | null {
  const badName = wanted.name === undefined ? null : nameProblem(wanted.name);
  if (badName !== null) return { kind: 'name-invalid', text: badName };
  if (wanted.sender === undefined || wanted.sender === null) return null;
  const path = parsePath(wanted.sender, '');
  if (!('kind' in path)) return null;
  return {
    kind: 'sender-invalid',
    text: `${path.text}. The sender must be a whole address, such as scanner@example.net.`,
  };
}

function changeStatements(id: string, wanted: AccountChange): readonly Statement[] {
  const statements: Statement[] = [];
  if (wanted.name !== undefined)
    statements.push(updateName(id, wanted.name.trim(), canonicalName(wanted.name)));
  if (wanted.sender !== undefined) statements.push(updateSender(id, canonicalSender(wanted.sender)));
  if (wanted.note !== undefined) statements.push(updateNote(id, wanted.note));
  return statements;
}

/** The wire form of an address that was found valid before. */
function canonicalSender(sender: string | null): string | null {
  if (sender === null) return null;
  const path = parsePath(sender, '');
  return 'kind' in path ? null : path.text;
}
