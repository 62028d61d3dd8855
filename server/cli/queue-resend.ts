// `postern queue resend`: sends again what is kept, as a new message.

import { parsePath } from '../smtp/path.ts';
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
  const paths = given.split(',').map(text => parsePath(text.trim().replace(/^<(.*)>$/, '$1'), hostname));
  for (const path of paths) if ('kind' in path) return misused(`--to takes an address. ${path.text}.`);
  return [...new Set(paths.map(path => path.text))];
}
