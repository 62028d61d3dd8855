// What the commands use of the data folder. main.ts opens it (as the folder's owner, making what is missing) and hands it
// over; the commands never open files or databases themselves.

import type { Readable } from 'node:stream';
import type { Account } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { BanOperator } from '../accounts/ban-operator.ts';
import type { SentLately } from '../accounts/sent-lately.ts';
import type { AuditEntry, AuditFilter } from '../audit/audit-list.ts';
import type { Clock, EpochMs } from '../clock.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Declared } from '../declared/declared.ts';
import type { StoredAlert } from '../notification/alert-statements.ts';
import type { Channel } from '../notification/channel.ts';
import type { ChannelStore } from '../notification/channel-store.ts';
import type { Sending } from '../notification/sender.ts';
import type { QueueOperator } from '../queue/operator.ts';
import type { Authorizer } from '../relay/oauth/authorizer.ts';
import type { RecipientRuleOperator } from '../relay/recipient-rule-operator.ts';
import type { RouteOperator } from '../relay/route-operator.ts';
import type { StoredPace } from '../relay/stored-pace.ts';
import type { Upstream } from '../relay/upstream.ts';
import type { Upstreams } from '../relay/upstreams.ts';
import type { KeyOperator } from '../storage/key-operator.ts';
import type { WithheldMechanisms } from '../storage/withheld-mechanisms.ts';
import type { Certificates } from '../tls/certificates.ts';

/** What `upstream test` found out, step by step; it stops at the first step that fails. */
export type UpstreamTest = Readonly<{
  ok: boolean;
  checks: readonly Readonly<{ name: string; ok: boolean; text: string }>[];
}>;

export type TestWishes = Readonly<{
  /** A message is sent to this address as well. */
  sendTo?: string;
  /** Its sender. */
  sender?: string;
  /** Aborted: it ends soon, and what it says does not matter. */
  signal?: AbortSignal;
}>;

/** A message that is handed to the running server as a device hands one over. */
export type TestMail = Readonly<{
  account: Account;
  password: string;
  sendTo: string;
  sender: string;
  signal: AbortSignal;
}>;

export type TestSubmission =
  /** It is in the queue. */
  | Readonly<{ kind: 'queued' }>
  | Readonly<{ kind: 'refused'; test: UpstreamTest }>
  | Readonly<{ kind: 'no-server' }>;

export type CommandStore = Readonly<{
  config: Config;
  clock: Clock;
  /** What devices connect to: the configured host name, else the one chosen at the first start. */
  hostname: string;
  /** The stable addresses of this machine, for devices that do not find the name. */
  addresses: () => readonly string[];
  /** What is wrong by now, one line each, for stderr. */
  warnings: () => readonly string[];
  accounts: Pick<Accounts, 'add' | 'list' | 'show' | 'set' | 'setPassword' | 'enable' | 'disable' | 'remove'>;
  /** Last use by account id. */
  lastUsed: () => Promise<ReadonlyMap<string, EpochMs>>;
  /** What an account has sent against its limits, by its id. */
  sentLately: (accountId: string) => Promise<SentLately>;
  upstreams: Pick<
    Upstreams,
    'list' | 'find' | 'add' | 'draft' | 'redraft' | 'keep' | 'set' | 'pause' | 'resume' | 'remove'
  >;
  /** For upstreams that use OAuth2. */
  authorizer: Authorizer;
  recipients: RecipientRuleOperator;
  /** Where it works, a fault of it is forgotten, and a running server tries at once. */
  testUpstream: (upstream: Upstream, wishes?: TestWishes) => Promise<UpstreamTest>;
  /** Whether a server holds the data folder now. */
  serverRuns: () => Promise<boolean>;
  testSubmission: (mail: TestMail) => Promise<TestSubmission>;
  /** How fast it is sent to, as the server noted it within the last seconds. */
  paceOf: (upstream: Upstream) => Promise<StoredPace>;
  routes: RouteOperator;
  queue: QueueOperator;
  /** The octets of a message whose content is not gone; null where they cannot be read. */
  openContent: (message: Readonly<{ id: string; content: 'body' | 'spool' }>) => Promise<Readable | null>;
  certificates: Pick<Certificates, 'describe' | 'renew'>;
  key: KeyOperator;
  alerts: Readonly<{
    /** The last raised first. */
    list: () => Promise<readonly StoredAlert[]>;
    channels: Pick<ChannelStore, 'list' | 'find' | 'settings' | 'add' | 'remove' | 'reload'>;
    /** Sends a test now, and keeps what became of it. */
    test: (channel: Channel) => Promise<Sending>;
  }>;
  /** All of it in one document. */
  declared: () => Promise<Declared>;
  /** Newest first. */
  audit: (filter: AuditFilter) => Promise<readonly AuditEntry[]>;
  bans: BanOperator;
  /** What EHLO leaves out at which address. */
  withheldMechanisms: Pick<WithheldMechanisms, 'all' | 'release'>;
  close: () => Promise<void>;
}>;

/** Opens the data folder as `loaded` says. A text says in one line why it cannot be opened, and what to do. */
export type OpenStore = (
  loaded: LoadedConfig,
) => Promise<Readonly<{ kind: 'open'; store: CommandStore }> | Readonly<{ kind: 'refused'; text: string }>>;
