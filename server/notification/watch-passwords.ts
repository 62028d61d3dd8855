// When to say that passwords are old: one alert for all of them, because they often grow old together.

import type { DurationMs, EpochMs } from '../clock.ts';
import { formatDuration } from '../config/values.ts';
import { setPasswordCommand } from './account-command.ts';
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
  if (old.length === 1) {
    const since = new Date(oldest.passwordChangedAt).toISOString().slice(0, 10);
    return {
      kind: 'credential-old',
      subject: '',
      text: `The password of account "${oldest.name}" is older than ${formatDuration(age)}: it was set on ${since}. Set a new one, with the old one in force meanwhile: ${commandFor(oldest)}`,
      account: oldest.name,
    };
  }
  const commands = old.slice(0, MOST_NAMED).map(commandFor);
  const rest = old.length > MOST_NAMED ? `; and ${old.length - MOST_NAMED} more` : '';
  return {
    kind: 'credential-old',
    subject: '',
    text: `The passwords of ${old.length} accounts are older than ${formatDuration(age)}. Set new ones, with the old ones in force meanwhile: ${commands.join('; ')}${rest}`,
  };
}

function commandFor({ name }: AgingAccount): string {
  return `${setPasswordCommand(name)} --grace 7d`;
}
