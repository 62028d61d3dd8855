// Can the wall clock be believed? A Raspberry Pi without a battery boots in 1970; a wrong time server sends it to 2099.
// A clock before max(build, last heartbeat), or decades after the build, is wrong for certain: while it is, nothing
// expires, no Date is added and no certificate is made. A clock that is a little ahead cannot be told from a true one;
// ages therefore never count wall time.

import type { Clock, DurationMs, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';

export type ClockTrust = Readonly<{
  trusted: () => boolean;
  /**
   * The clock to judge dates by (has an account expired?): the machine's while it can be believed; else the last time that
   * could, running on. So a machine that boots in 1970 does not revive what has ended.
   */
  believed: Clock;
  /** Called every minute or so: reports a change, and keeps the heartbeat while the clock is trusted. */
  beat: () => void;
}>;

/** Small corrections of a running clock are no reason for distrust. */
const FORGIVEN_STEP_BACK: DurationMs = 60_000;
/** No release is run for longer than this. */
const LONGEST_USE: DurationMs = 25 * 365.25 * 86_400_000;
/** A clock that was set back (its heartbeat came from the future) is believed after it has run on for this long. */
const PROBATION: DurationMs = 24 * 3_600_000;

export function createClockTrust(
  deps: Readonly<{
    clock: Clock;
    buildDate: EpochMs;
    lastHeartbeat: EpochMs | null;
    recordHeartbeat: (now: EpochMs) => void;
    log: Log;
  }>,
): ClockTrust {
  const { clock, buildDate, lastHeartbeat, recordHeartbeat, log } = deps;
  const latest = buildDate + LONGEST_USE;
  let notBefore = Math.max(buildDate, Math.min(lastHeartbeat ?? 0, latest)) - FORGIVEN_STEP_BACK;
  let distrustedSince: DurationMs | null = null;

  const started = clock.monotonic();
  const atStart = notBefore + FORGIVEN_STEP_BACK;

  const trusted = () => clock.now() >= notBefore && clock.now() <= latest;

  const believedNow = (): EpochMs => {
    if (trusted()) return clock.now();
    return Math.max(notBefore + FORGIVEN_STEP_BACK, atStart + Math.floor(clock.monotonic() - started));
  };

  const forgive = (now: EpochMs) => {
    const servedProbation = distrustedSince !== null && clock.monotonic() - distrustedSince >= PROBATION;
    if (servedProbation && now >= buildDate && now <= latest) notBefore = now;
  };

  return {
    trusted,
    believed: { now: believedNow, monotonic: clock.monotonic },
    beat: () => {
      const now = clock.now();
      forgive(now);
      if (!trusted()) {
        if (distrustedSince === null) log('clock.untrusted', { now: iso(now), not_before: iso(notBefore) });
        distrustedSince ??= clock.monotonic();
        return;
      }
      if (distrustedSince !== null) log('clock.trusted', { now: iso(now) });
      distrustedSince = null;
      // From now on a step back is seen while running, as it is after a restart.
      notBefore = Math.max(notBefore, now - FORGIVEN_STEP_BACK);
      recordHeartbeat(now);
    },
  };
}

function iso(time: EpochMs): string {
  return new Date(time).toISOString();
}
