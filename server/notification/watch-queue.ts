// When to say that mail waits for too long: how much, since when, and what is known of the reason.

import type { DurationMs } from '../clock.ts';
import { formatDuration } from '../config/values.ts';
import type { Alert } from './alert.ts';
import { shownMinute } from './notice.ts';
import type { OldMail } from './waiting-mail.ts';

/** `trouble`: what keeps it from its upstream, in a sentence; null: not known. */
export function oldMailAlert(
  old: OldMail | null,
  { trouble, after }: Readonly<{ trouble: string | null; after: DurationMs }>,
): Alert | null {
  if (old === null) return null;
  const { recipients, oldest } = old;
  const waits = recipients === 1 ? 'Mail for one recipient waits' : `Mail for ${recipients} recipients waits`;
  const why = trouble === null ? '' : ` ${/[.!?]$/.test(trouble) ? trouble : `${trouble}.`}`;
  return {
    kind: 'queue-old',
    subject: '',
    text: `${waits} longer than ${formatDuration(after)}, the oldest since ${shownMinute(oldest)}.${why} "postern queue list" shows it.`,
  };
}
