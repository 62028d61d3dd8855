// `postern account …`: logins for devices and apps.

import type { Account } from '../accounts/account.ts';
import type { AccountProblem } from '../accounts/account-problem.ts';
import type { AccountChange, AccountChanged, PasswordSet } from '../accounts/accounts.ts';
import type { EpochMs } from '../clock.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts, isoTime, shownTime, table } from './output.ts';
import { givenSecret, type SecretTrouble, secretOptions } from './secret-input.ts';
import { submissionSettings } from './submission-settings.ts';

const senderOption: Option = {
  flags: '--sender ADDR',
  means: 'address for messages that name no sender',
};
const noteOption: Option = { flags: '--note TEXT', means: 'a reminder for yourself' };

export const accountCommands: readonly Command[] = [
  {
    name: 'account add',
    argument: '[NAME]',
    means: 'make a login; without a password given, one is generated and shown once',
    options: [senderOption, noteOption, ...secretOptions],
    printsData: true,
    needs: 'store',
    run: add,
  },
  {
    name: 'account list',
    argument: '',
    means: 'list the accounts',
    options: [],
    printsData: true,
    needs: 'store',
    run: list,
  },
  {
    name: 'account show',
    argument: 'NAME',
    means: 'show an account and what to enter on the device',
    options: [],
    printsData: true,
    needs: 'store',
    run: show,
  },
  {
    name: 'account set',
    argument: 'NAME',
    means: "change an account; '' takes a sender or note away",
    options: [{ flags: '--name NEW', means: 'another login name' }, senderOption, noteOption],
    printsData: true,
    needs: 'store',
    run: set,
  },
  {
    name: 'account password',
    argument: 'NAME',
    means: 'set a new password; without one given, one is generated and shown once',
    options: secretOptions,
    printsData: true,
    needs: 'store',
    run: password,
  },
  {
    name: 'account disable',
    argument: 'NAME',
    means: 'refuse its logins until it is enabled again',
    options: [],
    printsData: true,
    needs: 'store',
    run: (call, store) => change(call, store, store.accounts.disable, 'is disabled: its logins are refused'),
  },
  {
    name: 'account enable',
    argument: 'NAME',
    means: 'accept its logins again',
    options: [],
    printsData: true,
    needs: 'store',
    run: (call, store) => change(call, store, store.accounts.enable, 'is enabled'),
  },
  {
    name: 'account remove',
    argument: 'NAME',
    means: 'remove it; mail that it has queued is still delivered',
    options: [],
    printsData: true,
    needs: 'store',
    run: remove,
  },
];

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name] = call.arguments;
  const secret = await givenSecret(call, {
    prompt: `Password for ${name ?? 'the new account'}`,
    twice: true,
  });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const result = await store.accounts.add({
    ...(name === undefined ? {} : { name }),
    ...(secret === null ? {} : { password: secret.secret }),
    sender: emptyIsNull(call.value('sender')),
    note: emptyIsNull(call.value('note')),
  });
  return passwordResult(result, store, account => `Account ${account.name} is ready.`);
}

async function password(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const secret = await givenSecret(call, { prompt: `New password for ${name}`, twice: true });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const result = await store.accounts.setPassword(name, secret?.secret ?? null);
  return passwordResult(
    result,
    store,
    account => `Account ${account.name} has a new password; the old one is refused.`,
  );
}

function passwordResult(
  result: PasswordSet | AccountProblem,
  store: CommandStore,
  headline: (account: Account) => string,
): Result {
  if (result.kind !== 'done') return failed(result.text);
  const { account, generatedPassword, weakness } = result;
  const shown = generatedPassword ?? '(the one you gave)';
  const settings = submissionSettings(store, account.name, shown);
  const once =
    generatedPassword === null ? '' : '\nThe password is shown only now: it cannot be read back later.';
  return done(
    `${headline(account)}\n\n${settings}${once}`,
    generatedPassword === null ? { name: account.name } : { name: account.name, password: generatedPassword },
    { warnings: weakness === null ? [] : [weakness] },
  );
}

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const accounts = store.accounts.list();
  const lastUsed = await store.lastUsed();
  const rows = accounts.map(account => [
    account.name,
    account.enabled ? 'yes' : 'no',
    shownTime(lastUsed.get(account.id)),
    account.sender ?? '',
    account.note ?? '',
  ]);
  return done(
    table(
      ['NAME', 'ENABLED', 'LAST USED', 'SENDER', 'NOTE'],
      rows,
      'There is no account yet: "postern account add" makes one.',
    ),
    accounts.map(account => itemOf(account, lastUsed)),
  );
}

async function show(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const account = store.accounts.show(name);
  if (account === null) {
    return failed(`There is no account named "${name}": "postern account list" shows them all.`);
  }
  const lastUsed = await store.lastUsed();
  const text = facts([
    ['Account', account.name],
    ['Enabled', account.enabled ? 'yes' : 'no'],
    ['Sender', account.sender ?? '-'],
    ['Note', account.note ?? '-'],
    ['Created', shownTime(account.createdAt)],
    ['Password set', shownTime(account.passwordChangedAt)],
    ['Last used', shownTime(lastUsed.get(account.id))],
  ]);
  const settings = submissionSettings(store, account.name, '(shown only once, when it was made)');
  return done(`${text}\n\n${settings}`, itemOf(account, lastUsed));
}

async function set(call: Call, store: CommandStore): Promise<Result> {
  const wanted = {
    name: call.value('name'),
    sender: call.value('sender'),
    note: call.value('note'),
  };
  const changes: AccountChange = {
    ...(wanted.name === null ? {} : { name: wanted.name }),
    ...(wanted.sender === null ? {} : { sender: emptyIsNull(wanted.sender) }),
    ...(wanted.note === null ? {} : { note: emptyIsNull(wanted.note) }),
  };
  if (Object.keys(changes).length === 0) {
    return misused('There is nothing to change: give at least one option, for example --note TEXT.');
  }
  return change(call, store, name => store.accounts.set(name, changes), 'is changed');
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const result = await store.accounts.remove(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  const { account } = result;
  return done(`Account ${account.name} is removed; its queued mail is still delivered.`, {
    ...itemOf(account, await store.lastUsed()),
    enabled: false,
    removed: true,
  });
}

async function change(
  call: Call,
  store: CommandStore,
  act: (name: string) => Promise<AccountChanged | AccountProblem>,
  came: string,
): Promise<Result> {
  const result = await act(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  return done(`Account ${result.account.name} ${came}.`, itemOf(result.account, await store.lastUsed()));
}

function itemOf(account: Account, lastUsed: ReadonlyMap<string, EpochMs>): object {
  return {
    id: account.id,
    name: account.name,
    enabled: account.enabled,
    created_at: isoTime(account.createdAt),
    last_used_at: isoTime(lastUsed.get(account.id)),
    password_changed_at: isoTime(account.passwordChangedAt),
    sender: account.sender,
    note: account.note,
  };
}

function emptyIsNull(text: string | null): string | null {
  return text === null || text.trim() === '' ? null : text;
}

function trouble({ kind, text }: SecretTrouble): Result {
  return kind === 'failed' ? failed(text) : { kind, text };
}
