// What the steps of `postern setup` have in common: with whom they talk, and how they wait. Whatever a step gives back, null
// means that the person has stopped; then nothing more is asked.

import { parsePath } from '../smtp/path.ts';
import type { CommandStore } from './command-store.ts';
import { openKeyboard } from './keyboard.ts';
import type { Prompts } from './prompts.ts';
import type { Terminal } from './terminal.ts';

export type SetupParts = Readonly<{ store: CommandStore; prompts: Prompts; terminal: Terminal }>;

/** Waits with a line that says so. Null: the person pressed Ctrl-C meanwhile, and `act` was told by its signal. */
export async function waitWhile<Value>(
  terminal: Terminal,
  text: string,
  act: (stopped: AbortSignal) => Promise<Value>,
): Promise<Value | null> {
  const keyboard = openKeyboard(terminal);
  const { stopped } = keyboard;
  terminal.complain(`│  ${text} …`);
  const gaveUp = new Promise<null>(resolve => {
    stopped.addEventListener('abort', () => resolve(null), { once: true });
  });
  try {
    return await Promise.race([act(stopped), gaveUp]);
  } finally {
    keyboard.close();
    terminal.complain('\r\u001b[K');
  }
}

/** Null: it is a whole e-mail address. */
export function addressProblem(text: string): string | null {
  const isWhole = text.includes('@') && !('kind' in parsePath(text, ''));
  return isWhole ? null : 'Write a whole e-mail address, such as you@example.com.';
}
