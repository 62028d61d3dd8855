// What the commands use of the data folder. main.ts opens it (as the folder's owner, making what is missing) and hands it
// over; the commands never open files or databases themselves.

import type { Readable } from 'node:stream';
import type { Accounts } from '../accounts/accounts.ts';
import type { Clock, EpochMs } from '../clock.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { QueueOperator } from '../queue/operator.ts';
import type { Upstream } from '../relay/upstream.ts';
import type { Upstreams } from '../relay/upstreams.ts';
import type { Certificates } from '../tls/certificates.ts';

/** What `upstream test` found out, step by step; it stops at the first step that fails. */
export type UpstreamTest = Readonly<{
  ok: boolean;
  checks: readonly Readonly<{ name: string; ok: boolean; text: string }>[];
}>;

export type CommandStore = Readonly<{
  config: Config;
  clock: Clock;
  /** What devices connect to: the configured host name, else the one chosen at the first start. */
  hostname: string;
  /** One line each, for stderr. */
  warnings: readonly string[];
  accounts: Pick<Accounts, 'add' | 'list' | 'show' | 'set' | 'setPassword' | 'enable' | 'disable' | 'remove'>;
  /** Last use by account id. */
  lastUsed: () => Promise<ReadonlyMap<string, EpochMs>>;
  upstreams: Pick<Upstreams, 'list' | 'find' | 'add' | 'set' | 'pause' | 'resume' | 'remove'>;
  testUpstream: (upstream: Upstream) => Promise<UpstreamTest>;
  queue: QueueOperator;
  /** The octets of a message whose content is not gone; null where they cannot be read. */
  openContent: (message: Readonly<{ id: string; content: 'body' | 'spool' }>) => Promise<Readable | null>;
  certificates: Pick<Certificates, 'describe' | 'renew'>;
  close: () => Promise<void>;
}>;

/** Opens the data folder as `loaded` says. A text says in one line why it cannot be opened, and what to do. */
export type OpenStore = (
  loaded: LoadedConfig,
) => Promise<Readonly<{ kind: 'open'; store: CommandStore }> | Readonly<{ kind: 'refused'; text: string }>>;
