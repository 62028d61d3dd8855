// The step of `postern setup` that makes the login of the first device, or takes one that is there.

import type { Account } from '../accounts/account.ts';
import { nameProblem } from '../accounts/account-name.ts';
import type { Upstream } from '../relay/upstream.ts';
import { facts } from './output.ts';
import { addressProblem, type SetupParts } from './setup-parts.ts';
import { settingsCard, submissionSettings } from './submission-settings.ts';

export type DeviceLogin = Readonly<{
  account: Account;
  /** Null: it is not known, for it was made earlier. */
  password: string | null;
}>;

const NEW = 'new';
/** Short, with letters alone: every device takes it. */
const USUAL_NAME = 'scanner';

export async function chooseLogin(parts: SetupParts, upstream: Upstream): Promise<DeviceLogin | null> {
  const { prompts, store } = parts;
  const known = store.accounts.list();
  if (known.length === 0) return newLogin(parts, upstream);
  const chosen = await prompts.search({
    message: 'Which login is the device to have? Each should have its own.',
    choices: [
      { value: NEW, label: 'a new one' },
      ...known.map(({ account }) => ({
        value: account.id,
        label: account.name,
        hint: 'it is there already',
      })),
    ],
  });
  const found = known.find(({ account }) => account.id === chosen);
  if (chosen === null) return null;
  return found === undefined ? newLogin(parts, upstream) : knownLogin(parts, found.account);
}

async function newLogin(parts: SetupParts, upstream: Upstream): Promise<DeviceLogin | null> {
  const { prompts, store } = parts;
  for (;;) {
    const answers = await askForLogin(parts, upstream);
    if (answers === null) return null;
    const { name, owner, sender } = answers;
    prompts.tell(
      facts([
        ['Login', name],
        ['Sender', sender ?? 'as the device says'],
        ['Reports to', owner],
      ]),
    );
    const isRight = await prompts.yes({ message: 'Make this login?' });
    if (isRight === null) return null;
    if (!isRight) continue;
    const made = await store.accounts.add({ name, owner, sender });
    if (made.kind === 'done') return shownLogin(parts, made.account, made.generatedPassword);
    prompts.tell(made.text, 'bad');
  }
}

type Answers = Readonly<{ name: string; owner: string; sender: string | null }>;

async function askForLogin({ prompts, store }: SetupParts, upstream: Upstream): Promise<Answers | null> {
  const name = await prompts.line({
    message: 'A name for the login of your device',
    initial: freeName(taken => store.accounts.show(taken) !== null),
    check: typed =>
      nameProblem(typed) ??
      (store.accounts.show(typed) === null ? null : 'There is one of that name: take another.'),
  });
  if (name === null) return null;
  const ours = ownAddress({ user: upstream.user, sender: upstream.identity.sender });
  const owner = await prompts.line({
    message: 'Your own address, for the test mail and for reports',
    ...(ours === null ? { example: 'you@example.com' } : { initial: ours }),
    check: addressProblem,
  });
  if (owner === null) return null;
  const sender = await prompts.line({
    message: 'The sender of its mail; empty: as the device says',
    ...(ours === null ? {} : { initial: ours }),
    check: typed => (typed === '' ? null : addressProblem(typed)),
  });
  return sender === null ? null : { name, owner, sender: sender === '' ? null : sender };
}

async function knownLogin(parts: SetupParts, account: Account): Promise<DeviceLogin | null> {
  const { prompts, store } = parts;
  const choice = await prompts.choose({
    message: `The password of ${account.name} cannot be read back.`,
    choices: [
      { value: 'keep', label: 'I have it', hint: 'nothing changes' },
      { value: 'new', label: 'Make a new one', hint: 'the old one is refused from then on' },
    ],
  });
  if (choice === null) return null;
  if (choice === 'keep') return shownLogin(parts, account, null);
  const made = await store.accounts.setPassword(account.name, null);
  if (made.kind === 'done') return shownLogin(parts, made.account, made.generatedPassword);
  prompts.tell(made.text, 'bad');
  return shownLogin(parts, account, null);
}

/** The card is shown at once: whoever stops now has the password all the same. */
function shownLogin({ prompts, store }: SetupParts, account: Account, password: string | null): DeviceLogin {
  const once = password === null ? '' : '\nThe password is shown only now: it cannot be read back later.';
  prompts.tell(`Enter on the device:\n\n${deviceCard(store, { account, password })}\n${once}`, 'good');
  return { account, password };
}

export function deviceCard(store: SetupParts['store'], { account, password }: DeviceLogin): string {
  return settingsCard(submissionSettings(store, account), password ?? '(the one you have)');
}

/** The address that the upstream surely permits, where we know one. */
export function ownAddress({
  sender,
  user,
}: Readonly<{ sender: string | null; user: string | null }>): string | null {
  const address = sender ?? user;
  return address !== null && addressProblem(address) === null ? address : null;
}

function freeName(isTaken: (name: string) => boolean): string {
  let name = USUAL_NAME;
  for (let number = 2; isTaken(name); number++) name = `${USUAL_NAME}${number}`;
  return name;
}
