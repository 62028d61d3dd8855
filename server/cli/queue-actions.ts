// `postern queue hold`, `release`, `retry`, `bounce`, `delete`: what an operator does with mail, said in words and numbers.

import type { Acted, ActionRefused } from '../queue/operator-actions.ts';
import type { CommitRefusal } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { isConfirmed, yesOption } from './confirmation.ts';
import { counted } from './output.ts';
import { type Choice, choiceOf, filterOptions, isResult } from './queue-filter.ts';

export const queueActionCommands: readonly Command[] = [
  action(
    'hold',
    'keep messages from being sent until they are released; whole messages, whatever is chosen of them',
    hold,
    [{ flags: '--all', means: 'every message that waits' }],
  ),
  action('release', 'let held messages go, whoever or whatever held them; they are due now', release, [
    { flags: '--all', means: 'every message that is held' },
  ]),
  action(
    'retry',
    'try again now, by the routes of today; failed and expired recipients come back, held ones are released. What may have been delivered stays with its upstream',
    retry,
    [{ flags: '--all', means: 'every message' }],
  ),
  action('bounce', 'give up what waits; its senders are told, unless they asked for no report', bounce, [
    { flags: '--all', means: 'every message that waits' },
    { flags: '--silent', means: 'tell nobody' },
    yesOption,
  ]),
  action('delete', 'delete mail for good, with its records; nobody is told', remove, [
    { flags: '--all', means: 'every message and record' },
    yesOption,
  ]),
];

function action(
  word: string,
  means: string,
  run: (call: Call, store: CommandStore, choice: Choice) => Promise<Result>,
  options: readonly Option[],
): Command {
  return {
    name: `queue ${word}`,
    argument: '[ID...]',
    means,
    options: [...filterOptions, ...options],
    printsData: true,
    needs: 'store',
    run: async (call, store) => {
      const choice = await choiceOf(call, store);
      return isResult(choice) ? choice : run(call, store, choice);
    },
  };
}

async function hold(_call: Call, { queue, clock }: CommandStore, { filter }: Choice): Promise<Result> {
  const held = await queue.hold(filter, clock.now());
  if (held.kind === 'refused') return refused(held);
  const text =
    held.messages === 0
      ? 'Nothing is held by that: no such message waits that is not held already.'
      : `Held: ${numbers(held)}. "postern queue release" lets mail go again.`;
  const warnings = sending(
    held,
    'just being sent: that attempt ends as it does, and what it does not relay then stays held',
  );
  return done(text, dataOf(held), { warnings });
}

async function release(_call: Call, { queue, clock }: CommandStore, { filter }: Choice): Promise<Result> {
  const released = await queue.release(filter, clock.now());
  if (released.kind === 'refused') return refused(released);
  const text =
    released.messages === 0
      ? 'Nothing is released by that: no such message is held.'
      : `Released, and due now: ${numbers(released)}.`;
  return done(text, dataOf(released));
}

async function retry(_call: Call, { queue, clock }: CommandStore, { filter }: Choice): Promise<Result> {
  const retried = await queue.retry(filter, clock.now());
  if (retried.kind === 'refused') return refused(retried);
  const { recipients, contentGone } = retried;
  const text =
    recipients === 0
      ? 'Nothing is tried again by that: no such recipient waits or was given up.'
      : `To be tried now: ${numbers(retried)}.`;
  const gone =
    contentGone === 0
      ? []
      : [`${counted(contentGone, 'recipient')} cannot be tried again: the content is no longer there.`];
  const warnings = [...sending(retried, 'just being sent, and left to that attempt'), ...gone];
  return done(text, { ...dataOf(retried), content_gone: contentGone }, { warnings });
}

async function bounce(call: Call, store: CommandStore, { filter, isEverything }: Choice): Promise<Result> {
  const { queue, clock } = store;
  const objection = isEverything ? await objectionTo(call, 'This gives up every message that waits') : null;
  if (objection !== null) return objection;
  const silent = call.has('silent');
  const bounced = await queue.bounce(filter, { silent }, clock.now());
  if (bounced.kind === 'refused') return refused(bounced);
  const { recipients, reported } = bounced;
  const told =
    reported === 0
      ? 'nobody is told'
      : reported === recipients
        ? 'Postern tells their senders (once it runs)'
        : `Postern tells the senders of ${reported} (once it runs), the others are told nothing`;
  const text =
    recipients === 0
      ? 'Nothing is given up by that: no such recipient waits.'
      : `Given up: ${numbers(bounced)}; ${told}.`;
  const warnings = sending(bounced, 'just being sent, and not given up');
  return done(text, { ...dataOf(bounced), reported }, { warnings });
}

async function remove(call: Call, store: CommandStore, { filter, isEverything }: Choice): Promise<Result> {
  const { queue, clock } = store;
  const question = 'This deletes every message and every record of the queue for good';
  const objection = isEverything ? await objectionTo(call, question) : null;
  if (objection !== null) return objection;
  const removed = await queue.remove(filter, clock.now());
  if (removed.kind === 'refused') return refused(removed);
  const text = `Deleted: ${counted(removed.recipients, 'recipient')}, and with that ${counted(removed.messages, 'message')}.`;
  return done(text, dataOf(removed), { warnings: sending(removed, 'just being sent, and may still arrive') });
}

/** To doing something to everything, which a script must have said twice. Null: none. */
async function objectionTo(call: Call, question: string): Promise<Result | null> {
  if (!call.terminal.interactive && !call.has('yes'))
    return misused(`${question}: add --yes if that is meant.`);
  return (await isConfirmed(call, question)) ? null : failed('Nothing was changed.');
}

/** "3 recipients of 2 messages". */
function numbers({ messages, recipients }: Acted): string {
  return `${counted(recipients, 'recipient')} of ${counted(messages, 'message')}`;
}

function sending({ inFlight }: Acted, what: string): readonly string[] {
  return inFlight === 0
    ? []
    : [`${counted(inFlight, 'recipient')} ${inFlight === 1 ? 'is' : 'are'} ${what}.`];
}

function dataOf({ messages, recipients, inFlight }: Acted): object {
  return { messages, recipients, in_flight: inFlight };
}

function refused({ refusal, recipients }: ActionRefused): Result {
  const before =
    recipients === 0 ? '' : `${counted(recipients, 'recipient')} were done before; then it stopped. `;
  return failed(`${before}${refusalText(refusal)}`);
}

export function refusalText(refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return `The database refused the change: ${refusal.text}`;
    case 'requirement':
      return 'The queue changed meanwhile, so nothing was done: try again.';
    default:
      return storageRefusalText(refusal);
  }
}
