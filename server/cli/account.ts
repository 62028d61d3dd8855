// `postern account …`: logins for devices and apps.

import type { Account } from '../accounts/account.ts';
import type { AccountChange } from '../accounts/account-change.ts';
import type { AccountProblem } from '../accounts/account-problem.ts';
import type { AccountChanged, PasswordSet } from '../accounts/accounts.ts';
import type { DurationMs } from '../clock.ts';
import { parseDuration } from '../config/values.ts';
import { accountFacts, accountItem, accountTable, type Known, usageItem } from './account-item.ts';
import { isGiven, namesOf, settingOptions, settingsOf } from './account-options.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { shownTime } from './output.ts';
import { givenSecret, type SecretTrouble, secretOptions } from './secret-input.ts';
import { settingsCard, submissionSettings } from './submission-settings.ts';

const weakOption: Option = {
  flags: '--allow-weak-derived',
  means: 'let CRAM-MD5 work with a weak password too, although its stored form is quick to guess from',
};
const aliasOption: Option = {
  flags: '--alias NAME',
  means: 'a further login name; repeatable',
  repeats: true,
};

export const accountCommands: readonly Command[] = [
  command('add', '[NAME]', 'make a login; without a password given, one is generated and shown once', add, [
    ...secretOptions,
    weakOption,
    aliasOption,
    ...settingOptions,
  ]),
  command('list', '', 'list the accounts', list),
  command('show', 'NAME', 'show an account and what to enter on the device', show),
  command('set', 'NAME', "change an account; '' or none takes a limit away, * a list", set, [
    { flags: '--name NEW', means: 'another login name' },
    aliasOption,
    { flags: '--remove-alias NAME', means: 'take a further login name away; repeatable', repeats: true },
    ...settingOptions,
  ]),
  command(
    'password',
    'NAME',
    'set a new password; without one given, one is generated and shown once',
    password,
    [
      { flags: '--grace TIME', means: 'accept the old password too for that time, such as 7d' },
      ...secretOptions,
      weakOption,
    ],
  ),
  command('disable', 'NAME', 'refuse its logins until it is enabled again', (call, store) =>
    change(call, store, store.accounts.disable, 'is disabled: its logins are refused'),
  ),
  command('enable', 'NAME', 'accept its logins again', (call, store) =>
    change(call, store, store.accounts.enable, 'is enabled'),
  ),
  command('remove', 'NAME', 'remove it; mail that it has queued is still delivered', remove),
];

function command(
  word: string,
  argument: string,
  means: string,
  run: (call: Call, store: CommandStore) => Promise<Result>,
  options: readonly Option[] = [],
): Command {
  return { name: `account ${word}`, argument, means, options, printsData: true, needs: 'store', run };
}

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name] = call.arguments;
  const settings = settingsOf(call, store.clock.now());
  if ('kind' in settings) return settings;
  const prompt = `Password for ${name ?? 'the new account'}`;
  const secret = await givenSecret(call, { prompt, twice: true });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const result = await store.accounts.add({
    ...settings,
    ...(name === undefined ? {} : { name }),
    ...(secret === null ? {} : { password: secret.secret }),
    aliases: namesOf(call, 'alias') ?? [],
    allowWeakDerived: call.has('allow-weak-derived'),
  });
  return passwordResult(result, store, account => `Account ${account.name} is ready.`);
}

async function password(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const grace = graceOf(call);
  if (typeof grace === 'object') return grace;
  const secret = await givenSecret(call, { prompt: `New password for ${name}`, twice: true });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const result = await store.accounts.setPassword(name, secret?.secret ?? null, {
    allowWeakDerived: call.has('allow-weak-derived'),
    ...(grace === undefined ? {} : { grace }),
  });
  return passwordResult(result, store, account => {
    const end = store.accounts.show(account.name)?.credentials.find(({ endsAt }) => endsAt !== null)?.endsAt;
    const old =
      end === undefined ? 'the old one is refused' : `the old one is accepted until ${shownTime(end)}`;
    return `Account ${account.name} has a new password; ${old}.`;
  });
}

/** Undefined where it is not given. A bare number is none: it might be meant as days. */
function graceOf(call: Call): DurationMs | undefined | Result {
  const text = call.value('grace');
  if (text === null) return undefined;
  const grace = /[a-z]/i.test(text) ? parseDuration(text) : null;
  if (grace !== null && grace > 0) return grace;
  return misused(`--grace takes a duration such as 12h or 7d, not "${text}".`);
}

function passwordResult(
  result: PasswordSet | AccountProblem,
  store: CommandStore,
  headline: (account: Account) => string,
): Result {
  if (result.kind !== 'done') return failed(result.text);
  const { account, generatedPassword, warnings } = result;
  const settings = submissionSettings(store, account);
  const card = settingsCard(settings, generatedPassword ?? '(the one you gave)');
  const once =
    generatedPassword === null ? '' : '\n\nThe password is shown only now: it cannot be read back later.';
  const secret = generatedPassword === null ? {} : { password: generatedPassword };
  return done(
    `${headline(account)} Enter on the device:\n\n${card}${once}`,
    { name: account.name, ...secret, settings },
    { warnings },
  );
}

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const accounts = store.accounts.list();
  const known = await knownOf(store);
  return done(
    accountTable(accounts, known),
    accounts.map(one => accountItem(one, known)),
  );
}

async function show(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const found = store.accounts.show(name);
  if (found === null)
    return failed(`There is no account named "${name}": "postern account list" shows them all.`);
  const known = await knownOf(store);
  const sent = await store.sentLately(found.account.id);
  const settings = submissionSettings(store, found.account);
  const card = settingsCard(settings, '(was shown when it was made)');
  return done(`${accountFacts(found, known, sent)}\n\nOn the device:\n\n${card}`, {
    ...accountItem(found, known),
    usage: usageItem(found.account, sent),
    settings,
  });
}

async function set(call: Call, store: CommandStore): Promise<Result> {
  const settings = settingsOf(call, store.clock.now());
  if ('kind' in settings) return settings;
  const name = call.value('name');
  const names = {
    ...(name === null ? {} : { name }),
    addAliases: namesOf(call, 'alias') ?? [],
    removeAliases: namesOf(call, 'remove-alias') ?? [],
  };
  const wanted: AccountChange = { ...settings, ...names };
  const isEmpty = name === null && names.addAliases.length + names.removeAliases.length === 0;
  if (isEmpty && !isGiven(settings))
    return misused('There is nothing to change: give at least one option, for example --note TEXT.');
  return change(call, store, known => store.accounts.set(known, wanted), 'is changed');
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const before = store.accounts.show(name);
  const result = await store.accounts.remove(name);
  if (result.kind !== 'done') return failed(result.text);
  const item = before === null ? { name } : accountItem(before, await knownOf(store));
  return done(`Account ${result.account.name} is removed; its queued mail is still delivered.`, {
    ...item,
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
  const { name } = result.account;
  const found = store.accounts.show(name);
  const item = found === null ? { name } : accountItem(found, await knownOf(store));
  return done(`Account ${name} ${came}.`, item, { warnings: result.warnings });
}

async function knownOf({ clock, lastUsed }: CommandStore): Promise<Known> {
  return { now: clock.now(), lastUsed: await lastUsed() };
}

function trouble({ kind, text }: SecretTrouble): Result {
  return kind === 'failed' ? failed(text) : { kind, text };
}
