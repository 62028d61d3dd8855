// What is written for declared accounts. Passwords are hashed before (`makePasswords`), because that takes a while and seals
// nothing; the statements are made within the commit. Names that are given up come before names that are taken.

import type { Alias } from '../accounts/account.ts';
import { additionSteps, FIRST_PASSWORD, newAccountRow } from '../accounts/account-addition.ts';
import { planChange } from '../accounts/account-change.ts';
import { nameTaken } from '../accounts/account-problem.ts';
import { removeAccount, updateEnabled } from '../accounts/account-statements.ts';
import type { DeriveSecrets } from '../accounts/derived-secrets.ts';
import type { PasswordHasher } from '../accounts/password.ts';
import {
  type Changeover,
  describePassword,
  type MadeCredential,
  makeCredential,
  passwordSteps,
  planChangeover,
} from '../accounts/password-change.ts';
import type { EpochMs } from '../clock.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import type { NewPassword } from './account-password.ts';
import type { AccountAct } from './account-plan.ts';
import { type Making, type Step, sortedIds, stepsAbout } from './group.ts';

type Act<Kind extends AccountAct['kind']> = Extract<AccountAct, { kind: Kind }>;

/** By the canonical name of the account. */
export type MadePasswords = ReadonlyMap<string, MadeCredential>;

type Makers = Readonly<{ hasher: PasswordHasher; deriveSecrets: DeriveSecrets }>;

/** One after the other: each takes the memory and time of a login. */
export async function makePasswords(
  acts: readonly AccountAct[],
  makers: Makers,
  now: EpochMs,
): Promise<MadePasswords> {
  const made = new Map<string, MadeCredential>();
  for (const act of acts) {
    if (act.kind === 'add') {
      const account = { canonicalName: canonicalName(act.name), aliases: act.aliases };
      made.set(account.canonicalName, await makePassword(makers, account, act.password, FIRST_PASSWORD, now));
    } else if (act.kind === 'change' && act.password !== null) {
      const account = { canonicalName: act.stored.account.canonicalName, aliases: act.aliases };
      const plan = planChangeover(act.stored, undefined, now);
      made.set(account.canonicalName, await makePassword(makers, account, act.password, plan, now));
    }
  }
  return made;
}

async function makePassword(
  makers: Makers,
  account: Readonly<{ canonicalName: string; aliases: readonly Alias[] }>,
  password: NewPassword,
  plan: Changeover,
  now: EpochMs,
): Promise<MadeCredential> {
  if (password.key === 'password') return makeCredential(makers, account, password.chosen, plan, now);
  const { version, saltVersion } = plan;
  const { hash, withholdsCram } = password;
  // Nothing can be derived of a hash: that comes with the next login by PLAIN or LOGIN.
  return {
    credential: {
      ...{ version, saltVersion, passwordHash: hash, withholdsCram },
      ...{ madeBy: 'unknown', setAt: now, endsAt: null },
    },
    secrets: [],
  };
}

type AccountMaking = Making & Readonly<{ lastingKey: Pick<LastingKey, 'mac'>; made: MadePasswords }>;

export function accountSteps(acts: readonly AccountAct[], making: AccountMaking): readonly Step[] {
  const changes = acts.flatMap(act => (act.kind === 'change' ? [act] : []));
  const additions = acts.flatMap(act => (act.kind === 'add' ? [act] : []));
  const ids = sortedIds(making.newId, additions.length);
  return [
    ...acts.flatMap(act => (act.kind === 'remove' ? removalSteps(act, making) : [])),
    ...changes.flatMap(act => changeOf(act, { removeAliases: act.removeAliases }).steps),
    ...additions.flatMap((act, index) => additionOf(act, ids[index] ?? making.newId(), making)),
    ...changes.flatMap(act => changeSteps(act, making)),
  ];
}

function removalSteps({ account }: Act<'remove'>, { audit, now }: Making): readonly Step[] {
  return stepsAbout(aboutAccount(account.name), [
    ...removeAccount(account.id, now),
    audit({ action: 'account.removed', object: account.name }),
  ]);
}

function additionOf(act: Act<'add'>, id: string, making: AccountMaking): readonly Step[] {
  const { name, aliases, settings, enabled, password } = act;
  const row = newAccountRow(id, name, aliases, making.now);
  const credential = madeFor(row.canonicalName, making);
  const said = { settings, made: credential, password: wordsFor(password) };
  const added = additionSteps(making, row, said, nameTaken(name));
  const disabled = enabled
    ? []
    : [updateEnabled(id, false), making.audit({ action: 'account.disabled', object: name })];
  return stepsAbout(aboutAccount(name), [...added.map(({ statement }) => statement), ...disabled]);
}

/** All but the aliases that it loses. */
function changeSteps(act: Act<'change'>, making: AccountMaking): readonly Step[] {
  const { account } = act.stored;
  const { name, id } = account;
  const lost = changeOf(act, { removeAliases: act.removeAliases });
  const rest = changeOf(act, { addAliases: act.addAliases, ...act.settings });
  const detail = [lost.detail, rest.detail].filter(part => part !== '').join(', ');
  const changed = detail === '' ? [] : [making.audit({ action: 'account.changed', object: name, detail })];
  const action = act.enabled === true ? 'account.enabled' : 'account.disabled';
  const switched =
    act.enabled === null ? [] : [updateEnabled(id, act.enabled), making.audit({ action, object: name })];
  return [
    ...rest.steps,
    ...stepsAbout(aboutAccount(name), [...changed, ...switched, ...newPassword(act, making)]),
  ];
}

function newPassword(act: Act<'change'>, making: AccountMaking) {
  const { password, stored, aliases } = act;
  if (password === null) return [];
  const account = { ...stored.account, aliases };
  const plan = planChangeover(stored, undefined, making.now);
  const detail = password.key === 'password' ? describePassword(password.chosen, plan) : wordsFor(password);
  return [
    ...passwordSteps(making, account, plan, madeFor(account.canonicalName, making)).map(
      step => step.statement,
    ),
    making.audit({ action: 'account.password', object: account.name, detail }),
  ];
}

/** The statements of a change that was planned and found good, and what the audit says of it. */
function changeOf(
  { stored: { account } }: Act<'change'>,
  wanted: Parameters<typeof planChange>[1],
): Readonly<{ steps: readonly Step[]; detail: string }> {
  const planned = planChange(account, wanted);
  if (planned.kind === 'nothing-to-change') return { steps: [], detail: '' };
  if (planned.kind !== 'planned') throw new Error(`a change of an account was not checked: ${planned.kind}`);
  const statements = planned.steps.map(({ statement }) => statement);
  return { steps: stepsAbout(aboutAccount(account.name), statements), detail: planned.detail };
}

function madeFor(canonical: string, { made }: AccountMaking): MadeCredential {
  const found = made.get(canonical);
  if (found === undefined) throw new Error('a password was not made');
  return found;
}

function wordsFor(password: NewPassword): string {
  return password.key === 'password' ? 'password chosen by a person' : 'password taken over as its hash';
}

function aboutAccount(name: string): string {
  return `the account ${name}`;
}
