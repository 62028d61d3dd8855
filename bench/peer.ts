// A server under measurement. The benchmark knows Postern and its peers only by this.

export const BENCH_LOGIN = { user: 'bench', password: 'bench-secret-42' } as const;

/** More than any measurement opens at once: no limit of a server shall show in the figures. */
export const MAX_SESSIONS = 1000;

export type RunningPeer = Readonly<{
  /** The process that all the server's others descend from. */
  pid: number;
  stop: () => Promise<void>;
}>;

export type Peer = Readonly<{
  name: string;
  /** Where it takes mail, with STARTTLS and AUTH PLAIN. */
  port: number;
  /** Where it keeps its messages. */
  folder: string;
  /**
   * Starts it; resolves at once, not when it listens. Works again after a stop. `wrapper` is put before its command, and
   * must end with it (slow-disk.ts).
   */
  start: (wrapper?: readonly string[]) => Promise<RunningPeer>;
  /** Removes what it left. */
  remove: () => Promise<void>;
}>;

export type PeerUpstream = Readonly<{ port: number; user: string; password: string; ca: string }>;
