// A relay whose one upstream is a stand-in for a sending API, with a token that a test can let end.

import type { Credentials } from '../../server/relay/credentials.ts';
import type { OAuthSettings } from '../../server/relay/oauth/oauth-settings.ts';
import type { RelayDeps } from '../../server/relay/relay.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import type { ApiName } from '../../server/relay/upstream-scheme.ts';
import type { StandInSettings } from '../support/sending-api-providers.ts';
import { type StandIn, startStandIn } from '../support/sending-api-stand-in.ts';
import { afterTest, type Bench, goodIdentity, relayTo, upstreamAt } from './bench.ts';
import type { Identity } from './identity.ts';

export const MAILBOX = 'scans@example.com';

const OAUTH: OAuthSettings = {
  provider: 'other',
  flow: 'device-code',
  clientId: 'client',
  scopes: [],
  authorizationEndpoint: null,
  deviceEndpoint: 'https://localhost/device',
  tokenEndpoint: 'https://localhost/token',
  clientAuthentication: 'none',
  redirectUri: 'http://127.0.0.1',
  keyId: null,
  clientSecretEndsAt: null,
  testing: false,
};

/** What each provider's stand-in wants. */
const SETTINGS: Readonly<Record<ApiName, StandInSettings & Readonly<{ user?: string }>>> = {
  graph: { secret: 'token-1', user: MAILBOX },
  gmail: { secret: 'token-1', user: MAILBOX },
  ses: { secret: 'secret-access-key', user: 'AKIAEXAMPLE', region: 'eu-west-1' },
  mailgun: { secret: 'key-1', user: 'mg.example.com' },
  smtp2go: { secret: 'api-key-1' },
  sparkpost: { secret: 'api-key-1' },
};

export async function apiUpstream(
  name: ApiName,
  port: number,
  changes: Partial<Upstream> = {},
): Promise<Upstream> {
  const { user = null, region = null } = SETTINGS[name];
  const isToken = name === 'graph' || name === 'gmail';
  return upstreamAt(port, {
    scheme: `${name}+https`,
    host: 'localhost',
    user,
    region,
    oauth: isToken ? OAUTH : null,
    sealedPassword: isToken ? null : new Uint8Array(1),
    ...changes,
  });
}

export type ApiBench = Bench &
  Readonly<{
    standIn: StandIn;
    upstream: Upstream;
    credentials: Credentials;
    /** How often another token was asked for. */
    renewals: () => number;
  }>;

type Changes = Readonly<{
  settings?: Partial<StandInSettings>;
  /** By default good for localhost. */
  identity?: Identity;
  upstream?: Partial<Upstream>;
  deps?: Partial<RelayDeps>;
  /** The tokens that are given, one after the other; the last one stays. */
  tokens?: readonly string[];
}>;

export async function apiBench(name: ApiName, changes: Changes = {}): Promise<ApiBench> {
  const now = (): number => bench.clock.now();
  const identity = changes.identity ?? (await goodIdentity());
  const settings = { ...SETTINGS[name], now, ...changes.settings, identity };
  const standIn = await startStandIn(name, settings);
  afterTest(standIn.close);
  const upstream = await apiUpstream(name, standIn.port, changes.upstream);
  const tokens = [...(changes.tokens ?? ['token-1'])];
  let renewals = 0;
  const token = async () => ({ kind: 'token', token: tokens[0] ?? '' }) as const;
  const credentials: Credentials =
    upstream.oauth === null
      ? { kind: 'password', password: String(SETTINGS[name].secret) }
      : {
          kind: 'token',
          current: token,
          another: () => {
            renewals++;
            if (tokens.length > 1) tokens.shift();
            return token();
          },
        };
  const bench = relayTo(upstream, { credentialsOf: () => credentials, ...changes.deps });
  return { ...bench, standIn, upstream, credentials, renewals: () => renewals };
}
