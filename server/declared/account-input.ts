// From what a declaration says of an account to the settings that it shall have, and which of them differ from those that it
// has. Each key is judged by itself, so that all that is wrong is said at once. Pure.

import type { Account } from '../accounts/account.ts';
import { aliasesOf } from '../accounts/account-change.ts';
import { nameProblem } from '../accounts/account-name.ts';
import { checkSettings, type SomeSettings, settingColumns } from '../accounts/account-settings.ts';
import type { DeclaredAccount } from './account-keys.ts';
import { inKeys } from './change.ts';

type Key = keyof DeclaredAccount;

/** Everything that is set, each under its key: what the file does not say is as a new account has it. */
function settingsOf(declared: DeclaredAccount): readonly (readonly [Key, SomeSettings])[] {
  return [
    ['sender', { sender: declared.sender || null }],
    ['senders', { senders: declared.senders ?? null }],
    ['other_senders', { otherSenders: declared.other_senders ?? 'refuse' }],
    ['recipients', { recipients: declared.recipients ?? null }],
    ['per_minute', { messagesPerMinute: declared.per_minute ?? null }],
    ['per_hour', { messagesPerHour: declared.per_hour ?? null }],
    ['per_day', { messagesPerDay: declared.per_day ?? null }],
    ['recipients_per_message', { recipientsPerMessage: declared.recipients_per_message ?? null }],
    ['recipients_per_day', { recipientsPerDay: declared.recipients_per_day ?? null }],
    ['message_size', { messageSize: declared.message_size ?? null }],
    ['queue_share', { queueShare: declared.queue_share ?? null }],
    ['mechanisms', { mechanisms: declared.mechanisms ?? null }],
    ['networks', { networks: declared.networks ?? null }],
    ['expires', { expiresAt: declared.expires ?? null }],
    ['owner', { owner: declared.owner || null }],
    ['note', { note: declared.note || null }],
  ];
}

export type CheckedAccount = Readonly<{
  problems: readonly Readonly<{ key: Key; text: string }>[];
  /** In canonical form, each under its key. */
  settings: readonly (readonly [Key, SomeSettings])[];
}>;

export function checkAccount(declared: DeclaredAccount): CheckedAccount {
  const bad = nameProblem(declared.name);
  const aliases = aliasesOf(declared.aliases ?? []);
  const problems: { key: Key; text: string }[] = [];
  if (bad !== null) problems.push({ key: 'name', text: bad });
  if (aliases.kind !== 'aliases') problems.push({ key: 'aliases', text: aliases.text });
  const settings = settingsOf(declared).flatMap(([key, one]) => {
    const checked = checkSettings(one);
    if (checked.kind === 'settings') return [[key, checked.settings] as const];
    problems.push({ key, text: inKeys(checked.text) });
    return [];
  });
  return { problems, settings };
}

/** All of them as one. */
export function joined(settings: CheckedAccount['settings']): SomeSettings {
  let all: SomeSettings = {};
  for (const [, one] of settings) all = { ...all, ...present(one) };
  return all;
}

/** Those that a new account does not have of itself. */
export function unusual(settings: CheckedAccount['settings']): CheckedAccount['settings'] {
  return settings.filter(([, one]) =>
    settingColumns(one).some(([column, value]) => value !== (column === 'other_senders' ? 'refuse' : null)),
  );
}

/** Those that differ from what is stored. */
export function differing(account: Account, wanted: CheckedAccount['settings']): CheckedAccount['settings'] {
  const { mechanisms, networks, expiresAt, owner, note, policy } = account;
  const stored = new Map(settingColumns({ ...policy, mechanisms, networks, expiresAt, owner, note }));
  return wanted.filter(([, one]) =>
    settingColumns(one).some(([column, value]) => stored.get(column) !== value),
  );
}

/** What was checked has every setting, most of them undefined. */
function present(settings: SomeSettings): SomeSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
