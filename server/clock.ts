// Time as a parameter: everything that asks for the time is handed a Clock, so that tests choose it.
// Wall time may be wrong and may jump (a Raspberry Pi boots in 1970); monotonic time never goes back.

/** Milliseconds since the Unix epoch, by the machine's clock. */
export type EpochMs = number;

/** A length of time in milliseconds. */
export type DurationMs = number;

export type Clock = Readonly<{
  /** Wall-clock time in milliseconds since the Unix epoch. May step in either direction. */
  now: () => EpochMs;
  /** Milliseconds since some fixed moment of this process. Never goes back, never steps. */
  monotonic: () => DurationMs;
}>;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
