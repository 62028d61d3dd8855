// `postern account …`: logins for devices and apps.

import type { Account } from '../accounts/account.ts';
import type { AccountChange } from '../accounts/account-change.ts';
import type { AccountProblem } from '../accounts/account-problem.ts';
import type { SomeSettings } from '../accounts/account-settings.ts';
import type { AccountChanged, PasswordSet } from '../accounts/accounts.ts';
import type { DurationMs } from '../clock.ts';
import { formatSize, parseDuration } from '../config/values.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { accountFacts, accountItem, accountTable, type Known, usageItem } from './account-item.ts';
import { emptyName, isGiven, namesOf, settingOptions, settingsOf } from './account-options.ts';
import {
  type Call,
  type Command,
  commandsOf,
  done,
  failed,
  misused,
  type Option,
  type Result,
} from './command.ts';
import type { CommandStore } from './command-store.ts';
import { isoTime, quoted, shownTime } from './output.ts';
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

const command = commandsOf('account');

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

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name] = call.arguments;
  const settings = settingsOf(call, store.clock.now());
  if ('kind' in settings) return settings;
  const empty = emptyName(call, 'alias');
  if (empty !== null) return empty;
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
  return passwordResult(result, store, account => ({
    headline: `Account ${account.name} is ready.`,
    warnings: serverHolds(settings, store),
  }));
}

async function password(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const grace = graceOf(call);
  if (typeof grace === 'object') return grace;
  const secret = await givenSecret(call, { prompt: `New password for ${name}`, twice: true });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const promised = store.accounts.show(name)?.credentials.find(({ endsAt }) => endsAt !== null);
  const result = await store.accounts.setPassword(name, secret?.secret ?? null, {
    allowWeakDerived: call.has('allow-weak-derived'),
    ...(grace === undefined ? {} : { grace }),
  });
  return passwordResult(result, store, account => {
    const end = store.accounts.show(account.name)?.credentials.find(({ endsAt }) => endsAt !== null)?.endsAt;
    const old =
      end === undefined ? 'the old one is refused' : `the old one is accepted until ${shownTime(end)}`;
    const broken =
      promised === undefined
        ? []
        : [
            `the password of ${account.name} set ${shownTime(promised.setAt)}, promised until ${shownTime(promised.endsAt)}, ends now: at most two are accepted at a time.`,
          ];
    return {
      headline: `Account ${account.name} has a new password; ${old}.`,
      warnings: broken,
      ...(grace === undefined ? {} : { data: { grace_ends_at: isoTime(end) } }),
    };
  });
}

/** An account may be given more than the server takes; that helps only when the server takes more one day. */
function serverHolds({ messageSize }: SomeSettings, { config }: CommandStore): readonly string[] {
  const most = config.limits.message_size;
  if (messageSize === null || messageSize === undefined || messageSize <= most) return [];
  return [
    `--message-size ${formatSize(messageSize)} is more than the server takes: limits.message_size of the configuration, ${formatSize(most)}, holds.`,
  ];
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
  said: (account: Account) => Readonly<{ headline: string; warnings: readonly string[]; data?: object }>,
): Result {
  if (result.kind !== 'done') return failed(result.text);
  const { account, generatedPassword, warnings } = result;
  const settings = submissionSettings(store, account);
  const card = settingsCard(settings, generatedPassword ?? '(the one you gave)');
  const once =
    generatedPassword === null ? '' : '\n\nThe password is shown only now: it cannot be read back later.';
  const secret = generatedPassword === null ? {} : { password: generatedPassword };
  const { headline, warnings: more, data = {} } = said(account);
  return done(
    `${headline} Enter on the device:\n\n${card}${once}`,
    { name: account.name, ...secret, ...data, settings },
    { warnings: [...more, ...warnings] },
  );
}

const byName = new Intl.Collator('en', { numeric: true }).compare;

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const accounts = store.accounts
    .list()
    .toSorted((one, other) => byName(one.account.name, other.account.name));
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
  const empty = emptyName(call, 'alias') ?? emptyName(call, 'remove-alias');
  if (empty !== null) return empty;
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
  const act = (known: string) => store.accounts.set(known, wanted);
  return change(call, store, act, 'is changed', serverHolds(settings, store));
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const before = store.accounts.show(name);
  const own = before?.account;
  if (own !== undefined && canonicalName(name) !== own.canonicalName) {
    return failed(
      `"${name}" is an alias of the account ${own.name}, so nothing was removed. To take the alias away: postern account set ${quoted(own.name)} --remove-alias ${quoted(name)}. To remove the whole account, give its own name: postern account remove ${quoted(own.name)}.`,
    );
  }
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
  warnings: readonly string[] = [],
): Promise<Result> {
  const result = await act(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  const { name } = result.account;
  const found = store.accounts.show(name);
  const item = found === null ? { name } : accountItem(found, await knownOf(store));
  return done(`Account ${name} ${came}.`, item, { warnings: [...warnings, ...result.warnings] });
}

async function knownOf({ clock, lastUsed }: CommandStore): Promise<Known> {
  return { now: clock.now(), lastUsed: await lastUsed() };
}

function trouble({ kind, text }: SecretTrouble): Result {
  return kind === 'failed' ? failed(text) : { kind, text };
}
