// `postern queue resend`: sends again what is kept, as a new message.

import { domainToASCII } from 'node:url';
import { type Path, parsePath } from '../smtp/path.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { counted } from './output.ts';
import { refusalText } from './queue-actions.ts';
import { idOf, unknownIds } from './queue-item.ts';

export const resendCommand: Command = {
  name: 'queue resend',
  argument: 'ID',
  means:
    'send a message again, as a new one, to all its recipients or to others; its content must still be kept (queue.keep_content)',
  options: [
    { flags: '--to ADDR', means: 'to this address instead; may be given more than once', repeats: true },
  ],
  printsData: true,
  needs: 'store',
  run: resend,
};

async function resend(call: Call, store: CommandStore): Promise<Result> {
  const id = idOf(call.arguments[0] ?? '');
  const to = addressesOf(call, store.hostname);
  if (to !== null && 'kind' in to) return to;
  const resent = await store.queue.resend(id, to, store.clock.now());
  switch (resent.kind) {
    case 'unknown':
      return unknownIds([id]);
    case 'gone':
      return failed(goneText(id));
    case 'damaged':
      return failed(
        `The content of message ${id} is not what was stored, or cannot be read: it is not sent again.`,
      );
    case 'not-copied':
      return failed(
        `The content of message ${id} could not be copied: ${resent.failure.text}. Make room and try again.`,
      );
    case 'refused':
      return failed(refusalText(resent.refusal));
    case 'queued': {
      const { forwardPaths, stillWaiting } = resent;
      const text = `Message ${id} is queued again as ${resent.id}, to ${counted(forwardPaths.length, 'recipient')}: ${forwardPaths.join(', ')}.`;
      const twice = `${counted(stillWaiting, 'recipient')} of message ${id} ${stillWaiting === 1 ? 'waits' : 'wait'} still, and will get it twice.`;
      return done(
        text,
        { id: resent.id, from: id, recipients: forwardPaths },
        { warnings: stillWaiting === 0 ? [] : [twice] },
      );
    }
    default:
      return resent satisfies never;
  }
}

export function goneText(id: string): string {
  return `The content of message ${id} is no longer there: of what was relayed it is kept only with queue.keep_content, and of what failed for queue.retention.`;
}

/** Null: its own recipients. */
function addressesOf(call: Call, hostname: string): readonly string[] | Result | null {
  const given = call.value('to');
  if (given === null) return null;
  const byMailbox = new Map<string, string>();
  for (const text of addressesIn(given)) {
    const path = parsePath(text.trim().replace(/^<(.*)>$/, '$1'), hostname);
    if ('kind' in path) return misused(`--to takes an address. ${path.text}.`);
    byMailbox.set(mailboxOf(path), path.text);
  }
  return [...byMailbox.values()];
}

/** What makes two addresses the same: the domain however it is written, the local part to the letter. */
function mailboxOf({ local, domain }: Path): string {
  return `${local}@${domainToASCII(domain) || domain}`;
}

/** A comma within quotes is part of an address: `"Doe, John"@example.com`. */
function addressesIn(list: string): readonly string[] {
  return list.match(/(?:"(?:\\.|[^"\\])*"|[^,])+/g) ?? [''];
}
