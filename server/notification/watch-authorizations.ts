// When to say that an authorization ends: 14, 3 and 1 days ahead. Each stage is a subject of its own, so that it is said once.
// Once it has ended, the upstream's fault says so (relay/health.ts).

import type { DurationMs, EpochMs } from '../clock.ts';
import type { Alert } from './alert.ts';

/** What is asked of an authorization whose end is known (relay/oauth/known-ends.ts). */
export type EndingAuthorization = Readonly<{
  upstream: string;
  what: 'consent' | 'client-secret';
  provider: 'google' | 'microsoft' | 'other';
  endsAt: EpochMs;
  /** Null: not known. */
  life: DurationMs | null;
}>;

const DAY: DurationMs = 86_400_000;
/** Days ahead, the last first. */
const STAGES = [1, 3, 14] as const;

/** `now` must be a time that can be trusted. */
export function endingAlerts(ending: readonly EndingAuthorization[], now: EpochMs): readonly Alert[] {
  return ending.flatMap(one => {
    const left = one.endsAt - now;
    // Who has just given a consent of a week need not be told that it ends within two.
    const stages = STAGES.filter(days => one.life === null || days * DAY < one.life);
    const stage = stages.find(days => left <= days * DAY);
    return left <= 0 || stage === undefined ? [] : [alertOf(one, stage)];
  });
}

function alertOf(one: EndingAuthorization, stage: number): Alert {
  const day = new Date(one.endsAt).toISOString().slice(0, 10);
  const days = `${stage} ${stage === 1 ? 'day' : 'days'}`;
  const what = one.what === 'consent' ? 'consent' : 'client secret';
  return {
    kind: 'authorization-ending',
    subject: `${one.upstream}: ${what}, ${days} before its end on ${day}`,
    text: `The ${what} with which Postern sends by ${one.upstream} ends on ${day}, in less than ${days}. ${remedy(one)}`,
  };
}

function remedy({ upstream, what, provider }: EndingAuthorization): string {
  if (what === 'client-secret') {
    return `Make a new one at the provider, and give it with "postern upstream set ${upstream} --oauth-client-secret-prompt --oauth-client-secret-ends DATE".`;
  }
  const again = `Authorise again before: "postern upstream authorize ${upstream}".`;
  return provider === 'google'
    ? `${again} It lasts for good once the app is published in the Google Cloud console ("Audience", "Publish app").`
    : again;
}
