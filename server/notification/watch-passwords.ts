// When to say that passwords are old: one alert for all of them, because they often grow old together.

import type { DurationMs, EpochMs } from '../clock.ts';
import { formatDuration } from '../config/values.ts';
import type { Alert } from './alert.ts';

/** What is asked of an account. */
export type AgingAccount = Readonly<{
  name: string;
  enabled: boolean;
  expiresAt: EpochMs | null;
  passwordChangedAt: EpochMs;
}>;

const MOST_NAMED = 5;

/** `age` 0 is never. Accounts that cannot log in do not count. `now` must be a time that can be trusted. */
export function oldPasswordsAlert(
  accounts: readonly AgingAccount[],
  { age, now }: Readonly<{ age: DurationMs; now: EpochMs }>,
): Alert | null {
  if (age === 0) return null;
  const old = accounts
    .filter(account => account.enabled && (account.expiresAt === null || account.expiresAt > now))
    .filter(account => now - account.passwordChangedAt > age)
    .sort((one, other) => one.passwordChangedAt - other.passwordChangedAt);
  const [oldest] = old;
  if (oldest === undefined) return null;
  const advice =
    '"postern account password NAME --grace 7d" sets a new one and keeps the old one in force meanwhile.';
  if (old.length === 1) {
    const since = new Date(oldest.passwordChangedAt).toISOString().slice(0, 10);
    return {
      kind: 'credential-old',
      subject: '',
      text: `The password of account "${oldest.name}" is older than ${formatDuration(age)}: it was set on ${since}. ${advice}`,
      account: oldest.name,
    };
  }
  const named = old.slice(0, MOST_NAMED).map(({ name }) => `"${name}"`);
  const rest = old.length > MOST_NAMED ? ` and ${old.length - MOST_NAMED} more` : '';
  return {
    kind: 'credential-old',
    subject: '',
    text: `The passwords of ${old.length} accounts are older than ${formatDuration(age)}: ${named.join(', ')}${rest}. ${advice}`,
  };
}
