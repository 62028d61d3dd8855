// `postern queue …`: what waits, what became of it, and the operator's hand in it. In the order of the help.

import type { Command } from './command.ts';
import { queueActionCommands } from './queue-actions.ts';
import { exportCommand } from './queue-export.ts';
import { listCommand, statsCommand } from './queue-list.ts';
import { resendCommand } from './queue-resend.ts';
import { showCommand } from './queue-show.ts';

export const queueCommands: readonly Command[] = [
  listCommand,
  showCommand,
  ...queueActionCommands,
  exportCommand,
  resendCommand,
  statsCommand,
];
