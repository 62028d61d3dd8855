// Asks before what cannot be undone. Only a person on a terminal can be asked; for a script the command decides.

import { createInterface } from 'node:readline';
import type { Call, Option } from './command.ts';

export const yesOption: Option = { flags: '--yes', means: 'do not ask' };

/** Whether it may go on. `question` without a question mark. */
export function isConfirmed({ terminal, has }: Call, question: string): Promise<boolean> {
  if (has('yes') || !terminal.interactive) return Promise.resolve(true);
  terminal.complain(`${question}? Type "yes" to go on: `);
  return new Promise(resolve => {
    const lines = createInterface({ input: terminal.input, terminal: false });
    let answer = '';
    lines.once('line', line => {
      answer = line;
      lines.close();
    });
    lines.once('close', () => resolve(/^\s*y(es)?\s*$/i.test(answer)));
  });
}
