// `postern setup`: from nothing to a test mail that has arrived, in one conversation on stderr. It may be run as often as one
// likes: what is there is offered, and nothing is changed that the person did not say. Each step stores what it came to
// when it is complete; whoever stops keeps the steps before.

import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { quoted } from './output.ts';
import { chooseLogin, type DeviceLogin, deviceCard } from './setup-account.ts';
import { sendTestMail } from './setup-mail.ts';
import type { SetupParts } from './setup-parts.ts';
import { chooseUpstream } from './setup-upstream.ts';

const INSTEAD =
  'postern setup asks questions, so it needs a terminal: use "postern upstream add" and "postern account add" instead.';

export const setupCommand: Command = {
  name: 'setup',
  argument: '',
  means: 'set everything up in one conversation, up to a test mail that has arrived',
  options: [],
  printsData: false,
  onTerminal: INSTEAD,
  needs: 'store',
  run: setup,
};

const WELCOME =
  'A provider that takes your mail, a login for your first device, a test mail: about five minutes.\nCtrl-C stops at any time; nothing is kept that is not complete.';

async function setup({ terminal }: Call, store: CommandStore): Promise<Result> {
  const { screen } = terminal;
  if (screen === null) return misused(INSTEAD);
  // It is large, and no other command asks like this.
  const { createPrompts } = await import('./prompts.ts');
  const prompts = createPrompts(terminal, screen);
  const parts = { store, prompts, terminal };
  prompts.begin('Postern setup');
  prompts.tell(WELCOME);
  const before = stateOf(store);
  const isDone = await converse(parts);
  if (isDone) return done('');
  return failed(
    stateOf(store) === before
      ? 'Stopped: nothing was stored.'
      : 'Stopped: what was complete is kept. "postern setup" offers it.',
  );
}

/** False: the person has stopped. */
async function converse(parts: SetupParts): Promise<boolean> {
  const upstream = await chooseUpstream(parts);
  const login = upstream === null ? null : await chooseLogin(parts, upstream);
  if (upstream === null || login === null) return false;
  if ((await sendTestMail(parts, upstream, login)) === null) return false;
  await sayGoodbye(parts, login);
  return true;
}

/** Another text after each change that can be made here. */
function stateOf({ upstreams, accounts }: CommandStore): string {
  return JSON.stringify([
    upstreams.list().map(({ id, revision, isDefault }) => [id, revision, isDefault]),
    accounts.list().map(({ account }) => [account.id, account.passwordChangedAt]),
  ]);
}

async function sayGoodbye({ prompts, store }: SetupParts, login: DeviceLogin): Promise<void> {
  prompts.tell(`What to type into the device:\n\n${deviceCard(store, login)}`, 'good');
  const runs = await store.serverRuns();
  const start = runs ? '' : ' The device needs the server: start it with "npm start", or as the README says.';
  prompts.tell(
    `"postern queue list" shows mail that waits, "postern account show ${quoted(login.account.name)}" this card again.${start}`,
  );
  prompts.end('That is all.');
}
