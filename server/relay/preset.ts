// What is known of a provider, as data: how to reach it, how to log in, what it takes, what to tell the operator. The table
// is preset-table.ts; which preset a host belongs to, presets.ts; what is said of a bad choice, preset-advice.ts. Pure.

import type { PacingLimits, SenderIdentity } from './upstream.ts';
import type { UpstreamScheme } from './upstream-scheme.ts';

/** What the provider wants as the user name. */
export type UserName =
  /** The whole e-mail address. `optional`: it also takes mail without a login, from networks that it was told of. */
  | Readonly<{ kind: 'address'; optional?: true }>
  /** What stands before its @. */
  | Readonly<{ kind: 'local-part' }>
  /** Always this word, such as `apikey`. */
  | Readonly<{ kind: 'literal'; value: string }>
  /** Something else; `what` completes "The user name is …". */
  | Readonly<{ kind: 'other'; what: string }>
  | Readonly<{ kind: 'none' }>;

export type Preset = Readonly<{
  /** For `--preset`: `gmail`, `microsoft365`, `ses-api`. */
  key: string;
  /** As people call it. */
  provider: string;
  /** For the list in `postern setup`: the mailbox of a person, a service for sending, a sending API. */
  kind: 'mailbox' | 'service' | 'api';
  scheme: UpstreamScheme;
  /** May contain `{region}`. Null: each customer has one of their own, which the operator must give. */
  host: string | null;
  port: number;
  /** The first is the usual one; empty where the host has no `{region}`. Others may do, where `hosts` knows them. */
  regions: readonly string[];
  /** Of regions whose host is called otherwise. */
  regionHosts: Readonly<Record<string, string>>;
  /** The hosts that are known as this provider's, also where no preset was named. */
  hosts: RegExp;
  userName: UserName;
  /** What serves as password and where it is made, completing "It takes …"; null where only OAuth2 is taken. */
  secret: string | null;
  /** Whose OAuth2 it takes; null: none. */
  oauth: 'google' | 'microsoft' | null;
  connections: number | null;
  pacing: Partial<PacingLimits>;
  /** Octets; null: as it announces. */
  messageSize: number | null;
  displayName: SenderIdentity['displayName'];
  /** As whom it lets one send, in a sentence. */
  senderRule: string;
  /** What else to know before the first message, in sentences; empty: nothing. */
  hints: readonly string[];
  /** The provider's own page about it. */
  documentation: string;
  /** It has no port with TLS from the start. */
  startTlsOnly: boolean;
}>;

/** What most presets have in common. */
const USUAL = {
  regions: [],
  regionHosts: {},
  oauth: null,
  connections: null,
  pacing: {},
  messageSize: null,
  displayName: 'keep',
  hints: [],
  startTlsOnly: false,
} as const;

/** A preset that differs from the usual in what `row` says. */
export function makePreset(row: Omit<Preset, keyof typeof USUAL> & Partial<Preset>): Preset {
  return { ...USUAL, ...row };
}

/** The hosts of a preset whose host is each customer's own. */
export const NO_HOST = /(?!)/;
