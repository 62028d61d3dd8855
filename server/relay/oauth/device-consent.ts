// The conversation with a device code (RFC 8628): a person types it on any device, and we ask until that has happened, as
// often as the provider likes. Outages in between cost nothing but time.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, DurationMs } from '../../clock.ts';
import type { Upstream } from '../upstream.ts';
import type { AuthorizationRefusal, DeviceConsent } from './authorizer.ts';
import type { KeepConsent } from './consent-keeping.ts';
import type { OAuthIdentity } from './oauth-client.ts';
import { refusalText } from './oauth-refusals.ts';
import type { OAuthSettings } from './oauth-settings.ts';
import type { RefusalPlace } from './refusal-row.ts';
import { placeOf } from './token-request.ts';
import type { TokenTrouble } from './token-trouble.ts';

type Asking = Readonly<{
  upstream: Upstream;
  settings: OAuthSettings;
  identity: OAuthIdentity;
  keep: KeepConsent;
  clock: Clock;
}>;

const SHORTEST_INTERVAL: DurationMs = 1_000;
const LONGEST_INTERVAL: DurationMs = 60_000;
const LONGEST_LIFE: DurationMs = 3_600_000;
/** RFC 8628 §3.5. */
const SLOWER_BY: DurationMs = 5_000;

export async function beginDeviceConsent(asking: Asking): Promise<DeviceConsent | AuthorizationRefusal> {
  const { upstream, settings, identity, clock } = asking;
  if (settings.deviceEndpoint === null) {
    const why =
      settings.provider === 'google' ? 'Google gives no device codes for mail' : 'it has no device endpoint';
    return refused(
      `Upstream ${upstream.name} cannot be authorised by a device code: ${why}. Use a browser: \`postern upstream authorize ${upstream.name} --flow code\`.`,
    );
  }
  const { askForDevice } = await import('./oauth-client.ts');
  const place: RefusalPlace = {
    ...placeOf(upstream, settings, { consent: null, now: clock.now() }),
    consenting: 'device-code',
  };
  const begun = await askForDevice(identity);
  if (begun.kind === 'trouble') return refused(refusalText(begun.trouble, place));
  const lifetime = Math.min(begun.lifetime, LONGEST_LIFE);
  const interval = Math.min(Math.max(begun.interval, SHORTEST_INTERVAL), LONGEST_INTERVAL);
  const until = clock.monotonic() + lifetime;
  const { userCode, address, addressWithCode, deviceCode } = begun;
  return {
    kind: 'device',
    userCode,
    address,
    addressWithCode,
    lifetime,
    wait: signal => poll({ ...asking, place, deviceCode, interval, until, signal }),
  };
}

type Polling = Asking &
  Readonly<{
    place: RefusalPlace;
    deviceCode: string;
    interval: DurationMs;
    /** Monotonic. */
    until: DurationMs;
    signal: AbortSignal;
  }>;

async function poll(polling: Polling): ReturnType<DeviceConsent['wait']> {
  const { identity, keep, clock, place, deviceCode, until, signal } = polling;
  const { redeemDeviceCode } = await import('./oauth-client.ts');
  let interval = polling.interval;
  while (await pause(interval, signal)) {
    if (clock.monotonic() > until) return refused(refusalText(ENDED, place));
    const answer = await redeemDeviceCode({ ...identity, signal }, deviceCode);
    if (answer.kind === 'tokens') return signal.aborted ? STOPPED : keep(answer);
    const next = nextInterval(answer.trouble, interval);
    if (next === null) return refused(refusalText(answer.trouble, place));
    interval = next;
  }
  return STOPPED;
}

/** Null: it is over. */
export function nextInterval(trouble: TokenTrouble, interval: DurationMs): DurationMs | null {
  if (trouble.kind === 'refused' && trouble.error === 'authorization_pending') return interval;
  if (trouble.kind === 'refused' && trouble.error === 'slow_down') return interval + SLOWER_BY;
  const isOutage = trouble.kind !== 'refused' || trouble.status >= 500 || trouble.status === 429;
  return isOutage ? Math.min(interval * 2, LONGEST_INTERVAL) : null;
}

/** False: aborted. */
async function pause(length: DurationMs, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return sleep(length, true, { signal }).catch(() => false);
}

const ENDED: TokenTrouble = {
  kind: 'refused',
  status: 0,
  error: 'expired_token',
  description: null,
  detail: null,
  wait: null,
};

const STOPPED: AuthorizationRefusal = { kind: 'refused', text: 'Stopped: nothing is stored.' };

function refused(text: string): AuthorizationRefusal {
  return { kind: 'refused', text };
}
