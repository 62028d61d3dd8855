// Slows down who guesses passwords: the answer to a failed login waits the longer, the more different credentials the
// same source has failed with lately. Successful logins never wait, nobody is locked out, and loopback is no exception.
// A device that retries its one old password counts once. All in memory and bounded; the session does the waiting.

import type { Clock, DurationMs } from '../clock.ts';

export type ThrottlePolicy = Readonly<{
  /** Failures older than this are forgotten. */
  memory: DurationMs;
  /** The delay of the second failure; each further one doubles it. */
  firstDelay: DurationMs;
  longestDelay: DurationMs;
  /** Sources remembered at once; the one that failed longest ago is forgotten first. */
  sources: number;
  /** Sessions that may wait at once, each holding a connection. */
  delayedSessions: number;
}>;

export const THROTTLE_POLICY: ThrottlePolicy = {
  memory: 10 * 60_000,
  firstDelay: 1000,
  longestDelay: 8000,
  sources: 4096,
  delayedSessions: 200,
};

/** What to do with a failed login. */
export type Penalty =
  | Readonly<{
      kind: 'answer';
      /** Milliseconds to wait before the reply; often 0. */
      delay: DurationMs;
      /** To be called once when the wait is over or the client is gone. */
      done: () => void;
    }>
  /** Too many sessions wait already: 421 4.7.0 at once, for waiting less would reward the flood. */
  | Readonly<{ kind: 'hang-up' }>;

export type Throttle = Readonly<{
  /**
   * Notes a failed login. `source` is the client's address, or the network that counts as one.
   * `credential` is the verifier's fingerprint, or null where there is none (then every failure counts).
   */
  failed: (source: string, credential: string | null) => Penalty;
}>;

/** The delay of the answer to the `failures`-th different failure: 0, then doubling up to the longest. */
export function delayAfter(failures: number, policy: ThrottlePolicy): DurationMs {
  if (failures <= 1) return 0;
  return Math.min(policy.longestDelay, policy.firstDelay * 2 ** (failures - 2));
}

/** Fingerprint (or a number for a failure without one) → when it last failed, oldest first. */
type Failures = Map<string | number, DurationMs>;

export function createThrottle(deps: Readonly<{ clock: Clock; policy?: ThrottlePolicy }>): Throttle {
  const policy = deps.policy ?? THROTTLE_POLICY;
  const sources = new Map<string, Failures>();
  let delayed = 0;
  let anonymous = 0;

  return {
    failed: (source, credential) => {
      const failures = touch(sources, source, policy.sources);
      if (credential === null) anonymous += 1;
      note(failures, credential ?? anonymous, deps.clock.monotonic(), policy);
      const delay = delayAfter(failures.size, policy);
      if (delay === 0) return { kind: 'answer', delay, done: () => undefined };
      if (delayed >= policy.delayedSessions) return { kind: 'hang-up' };
      delayed += 1;
      let waiting = true;
      const done = () => {
        if (waiting) delayed -= 1;
        waiting = false;
      };
      return { kind: 'answer', delay, done };
    },
  };
}

/** The failures of a source, which becomes the most recent one. */
function touch(sources: Map<string, Failures>, source: string, most: number): Failures {
  const failures: Failures = sources.get(source) ?? new Map();
  sources.delete(source);
  sources.set(source, failures);
  for (const oldest of sources.keys()) {
    if (sources.size <= most) break;
    sources.delete(oldest);
  }
  return failures;
}

/** Adds a failure and drops those that no longer matter: too old, or more than the longest delay needs. */
function note(failures: Failures, key: string | number, now: DurationMs, policy: ThrottlePolicy): void {
  failures.delete(key);
  failures.set(key, now);
  const enough = 2 + Math.ceil(Math.log2(policy.longestDelay / policy.firstDelay));
  for (const [oldest, at] of failures) {
    if (failures.size <= enough && now - at < policy.memory) break;
    failures.delete(oldest);
  }
}
