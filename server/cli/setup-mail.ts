// The last step of `postern setup`: a test mail, the way a device's mail goes where that is possible: through the running
// server, with the device's login. Where the server does not run, or the password is not known, it goes straight to the
// provider, and that is said. Whether it has arrived only the person can see.

import type { ListedMessage } from '../queue/listed-message.ts';
import { presetOf } from '../relay/presets.ts';
import type { Upstream } from '../relay/upstream.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { UpstreamTest } from './command-store.ts';
import { quoted } from './output.ts';
import { type DeviceLogin, ownAddress } from './setup-account.ts';
import { addressProblem, type SetupParts, waitWhile } from './setup-parts.ts';
import { checkLines } from './upstream-test.ts';

type Sent = 'sent' | 'not-sent' | 'not-taken';
type Answer = 'arrived' | 'again' | 'straight' | 'not' | 'leave';

/** How long an upstream is given to take it, in milliseconds. */
const PATIENCE = 30_000;
const LOOK_EVERY = 250;

/** Null: the person has stopped. */
export async function sendTestMail(
  parts: SetupParts,
  upstream: Upstream,
  login: DeviceLogin,
): Promise<'done' | null> {
  const { prompts } = parts;
  const sendTo = await prompts.line({
    message: 'The test mail goes to (empty: none)',
    initial: login.account.owner ?? addressOf(upstream) ?? '',
    check: typed => (typed === '' ? null : addressProblem(typed)),
  });
  if (sendTo === null) return null;
  if (sendTo === '') return 'done';
  let straight = false;
  for (;;) {
    const sent = await sendOnce(parts, { upstream, login, sendTo }, straight);
    if (sent === null) return null;
    const answer = await askArrival(parts, sent, sendTo);
    if (answer === null) return null;
    if (answer === 'not') prompts.tell(whereItMayBe(upstream), 'plain');
    if (answer === 'straight') straight = true;
    else if (answer !== 'again') return 'done';
  }
}

type Mail = Readonly<{ upstream: Upstream; login: DeviceLogin; sendTo: string }>;

/** `straight`: not through the server. */
async function sendOnce(parts: SetupParts, mail: Mail, straight: boolean): Promise<Sent | null> {
  const { prompts, store, terminal } = parts;
  const { account, password } = mail.login;
  if (password === null || straight) {
    const why = straight ? '' : 'The password of the device is not known here. ';
    prompts.tell(`${why}The test mail goes straight to the provider, without the server.`);
    return sendDirectly(parts, mail);
  }
  const since = store.clock.now();
  const submitted = await waitWhile(terminal, 'Handing it to Postern as the device does', signal =>
    store.testSubmission({ account, password, sendTo: mail.sendTo, sender: senderOf(mail), signal }),
  );
  switch (submitted?.kind) {
    case undefined:
      return null;
    case 'queued':
      return watchQueue(parts, mail, since);
    case 'refused':
      prompts.tell(checkLines(submitted.test), 'bad');
      return 'not-taken';
    case 'no-server':
      prompts.tell('The server does not run. The test mail goes straight to the provider.');
      return sendDirectly(parts, mail);
    default:
      return submitted satisfies never;
  }
}

async function sendDirectly({ prompts, store, terminal }: SetupParts, mail: Mail): Promise<Sent | null> {
  const { upstream, sendTo } = mail;
  const sender = senderOf(mail);
  const test = await waitWhile<UpstreamTest>(terminal, `Sending by ${upstream.name}`, signal =>
    store.testUpstream(upstream, { sendTo, sender, signal }),
  );
  if (test === null) return null;
  const last = test.checks.at(-1)?.text ?? '';
  prompts.tell(test.ok ? last : checkLines(test), test.ok ? 'good' : 'bad');
  return test.ok ? 'sent' : 'not-sent';
}

/** It has a place in the queue; what the provider says is seen a moment later. */
async function watchQueue(
  { prompts, store, terminal }: SetupParts,
  mail: Mail,
  since: number,
): Promise<Sent | null> {
  const { name } = mail.login.account;
  const newest = async (): Promise<ListedMessage | undefined> => {
    const filter = { account: canonicalName(name), finished: true };
    const [message] = await store.queue.list(filter, { limit: 1, newestFirst: true });
    return message !== undefined && message.queuedAt >= since - 1000 ? message : undefined;
  };
  const message = await waitWhile(terminal, 'Waiting for the provider to take it', async stopped => {
    let found = await newest();
    for (let waited = 0; waited < PATIENCE && !stopped.aborted && !isTried(found); waited += LOOK_EVERY) {
      await new Promise(resolve => setTimeout(resolve, LOOK_EVERY));
      found = await newest();
    }
    return found ?? 'unseen';
  });
  if (message === null) return null;
  const recipient = message === 'unseen' ? undefined : message.recipients[0];
  if (message !== 'unseen' && recipient?.state === 'relayed') {
    prompts.tell(
      `Postern took it from the device's login, and ${recipient.upstream} took it from Postern.`,
      'good',
    );
    return 'sent';
  }
  const id = message === 'unseen' ? 'ID' : message.id;
  const reply = recipient?.lastReply == null ? '' : ` The provider said: ${recipient.lastReply}`;
  const state =
    recipient?.state === 'failed' ? 'The provider refused it.' : 'Postern has it, and the provider not yet.';
  prompts.tell(`${state}${reply}\nThe whole story: postern queue show ${quoted(id)}`, 'bad');
  return 'not-sent';
}

/** The first attempt is over. */
function isTried(message: ListedMessage | undefined): boolean {
  const recipient = message?.recipients[0];
  if (recipient === undefined) return false;
  return recipient.state === 'deferred' || recipient.settledAt !== null || message?.held === true;
}

async function askArrival({ prompts }: SetupParts, sent: Sent, sendTo: string): Promise<Answer | null> {
  if (sent !== 'sent') {
    const straight = { value: 'straight', label: 'Send it straight to the provider' } as const;
    return prompts.choose<Answer>({
      message: 'What now?',
      choices: [
        { value: 'again', label: 'Send it again' },
        ...(sent === 'not-taken' ? [straight] : []),
        { value: 'leave', label: 'Go on without' },
      ],
    });
  }
  return prompts.choose<Answer>({
    message: `Has it arrived at ${sendTo}? It may take a minute.`,
    choices: [
      { value: 'arrived', label: 'Yes' },
      { value: 'not', label: 'No' },
      { value: 'again', label: 'Send another one' },
    ],
  });
}

function senderOf({ upstream, login, sendTo }: Mail): string {
  return login.account.policy.sender ?? addressOf(upstream) ?? sendTo;
}

function addressOf({ user, identity }: Upstream): string | null {
  return ownAddress({ user, sender: identity.sender });
}

function whereItMayBe(upstream: Upstream): string {
  const preset = presetOf(upstream);
  return [
    'The provider took it, so it is on its way, in the spam folder, or comes back to the sender as undeliverable.',
    ...(preset === null ? [] : [preset.senderRule, ...preset.hints]),
  ].join('\n');
}
