// A new account: name, password, settings and aliases in one commit. Where no name is given one is proposed, and another
// where that one is taken.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock, EpochMs } from '../clock.ts';
import type { NewId, RandomBytes } from '../ids.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import type { Sealing } from '../storage/sealing.ts';
import type { Account, Alias } from './account.ts';
import { aliasesOf } from './account-change.ts';
import { commitSteps, type Step, steps } from './account-commit.ts';
import { nameProblem, proposeName } from './account-name.ts';
import { type AccountProblem, nameTaken, OVERTAKEN } from './account-problem.ts';
import { checkSettings, type SomeSettings, settingNames } from './account-settings.ts';
import { insertAccount, insertAlias, liftBans, updateSettings } from './account-statements.ts';
import type { DeriveSecrets } from './derived-secrets.ts';
import { nameTag } from './name-tag.ts';
import type { PasswordHasher } from './password.ts';
import {
  type ChosenPassword,
  choosePassword,
  type MadeCredential,
  makeCredential,
  storeCredential,
} from './password-change.ts';

/** What is absent is left to Postern: a proposed name, a generated password, no settings. */
export type NewAccount = SomeSettings &
  Readonly<{ name?: string; password?: string; aliases?: readonly string[]; allowWeakDerived?: boolean }>;

export type AdditionDeps = Readonly<{
  database: Database;
  sealer: Sealing;
  clock: Clock;
  newId: NewId;
  random: RandomBytes;
  hasher: PasswordHasher;
  deriveSecrets: DeriveSecrets;
  lastingKey: Pick<LastingKey, 'mac'>;
  /** The line of the audit for what is committed with it. */
  audit: (fact: AuditFact) => Statement;
}>;

export type Added = Readonly<{ kind: 'added'; id: string; chosen: ChosenPassword }>;

/** How often another name is proposed where the first is taken: 24^5 names make a second collision unlikely. */
const PROPOSALS = 20;

/** What is asked for, checked. */
type Request = Readonly<{ aliases: readonly Alias[]; settings: SomeSettings; chosen: ChosenPassword }>;

export async function addAccount(
  deps: AdditionDeps,
  isTaken: (name: string) => boolean,
  wanted: NewAccount,
): Promise<Added | AccountProblem> {
  const request = checkRequest(deps, isTaken, wanted);
  if ('kind' in request) return request;
  for (let proposal = 0; proposal < PROPOSALS; proposal++) {
    const name = wanted.name ?? proposeName(deps.random);
    if (wanted.name === undefined && (isTaken(name) || isAmong(request.aliases, name))) continue;
    const taken = nameTaken(name);
    const result = await addNamed(deps, name, request, taken);
    if (result !== taken || wanted.name !== undefined) return result;
  }
  return { kind: 'name-taken', text: 'Every proposed name was taken: give a name.' };
}

function checkRequest(
  deps: AdditionDeps,
  isTaken: (name: string) => boolean,
  wanted: NewAccount,
): Request | AccountProblem {
  const { name } = wanted;
  const bad = name === undefined ? null : nameProblem(name);
  if (bad !== null) return { kind: 'name-invalid', text: bad };
  const aliases = aliasesOf(wanted.aliases ?? []);
  if (aliases.kind !== 'aliases') return aliases;
  const names = [...(name === undefined ? [] : [name]), ...aliases.aliases.map(alias => alias.name)];
  // The database decides; but this spares the work.
  const taken = names.find(isTaken);
  if (taken !== undefined) return nameTaken(taken);
  if (name !== undefined && isAmong(aliases.aliases, name)) return nameTaken(name);
  const checked = checkSettings(wanted);
  if (checked.kind !== 'settings') return checked;
  const chosen = choosePassword(deps.random, wanted.password ?? null, names, wanted);
  if (chosen.kind !== 'chosen') return chosen;
  return { aliases: aliases.aliases, settings: checked.settings, chosen };
}

async function addNamed(
  deps: AdditionDeps,
  name: string,
  { aliases, settings, chosen }: Request,
  taken: AccountProblem,
): Promise<Added | AccountProblem> {
  const now = deps.clock.now();
  const account = newAccountRow(deps.newId(), name, aliases, now);
  const made = await makeCredential(deps, account, chosen, FIRST_PASSWORD, now);
  const password = chosen.madeBy === 'postern' ? 'password generated' : 'password chosen by a person';
  const stepsNow = () => additionSteps(deps, account, { settings, made, password }, taken);
  const problem = await commitSteps(deps, stepsNow);
  return problem ?? { kind: 'added', id: account.id, chosen };
}

/** A new account with its first password. */
export type NewAccountRow = Pick<
  Account,
  'id' | 'name' | 'canonicalName' | 'aliases' | 'createdAt' | 'credentialVersion'
>;

export function newAccountRow(
  id: string,
  name: string,
  aliases: readonly Alias[],
  now: EpochMs,
): NewAccountRow {
  return {
    id,
    name: name.trim(),
    canonicalName: canonicalName(name),
    aliases,
    createdAt: now,
    credentialVersion: FIRST_PASSWORD.version,
  };
}

export const FIRST_PASSWORD = { version: 1, saltVersion: 1, kept: null } as const;

/** To be called within `commitSealed`. `password`: where it comes from, for the audit. */
export function additionSteps(
  deps: Pick<AdditionDeps, 'sealer' | 'lastingKey' | 'audit'>,
  account: NewAccountRow,
  { settings, made, password }: Readonly<{ settings: SomeSettings; made: MadeCredential; password: string }>,
  taken: AccountProblem,
): readonly Step[] {
  const { id, name, aliases } = account;
  const set = updateSettings(id, settings);
  const tags = [account, ...aliases].map(one => nameTag(deps.lastingKey, one.canonicalName));
  const named = aliases.map(alias => `alias "${alias.name}"`);
  const detail = [password, ...named, ...settingNames(settings)].join(', ');
  return [
    { statement: insertAccount(account), refused: taken },
    ...aliases.flatMap(alias => steps([insertAlias(id, alias)], nameTaken(alias.name))),
    ...steps(
      [
        ...(set === null ? [] : [set]),
        ...storeCredential(deps.sealer, id, made),
        ...liftBans(id, tags),
        deps.audit({ action: 'account.added', object: name, detail }),
      ],
      OVERTAKEN,
    ),
  ];
}

function isAmong(aliases: readonly Alias[], name: string): boolean {
  return aliases.some(alias => alias.canonicalName === canonicalName(name));
}
