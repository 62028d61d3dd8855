// The server's side of OAuth2, put together: access tokens for the upstreams, the daily use of consents, and what is known of
// their ends.

import type { DurationMs } from './clock.ts';
import type { Ground } from './ground.ts';
import { fraction } from './ids.ts';
import type { RaiseAlert } from './notification/alert.ts';
import type { EndingAuthorization } from './notification/watch-authorizations.ts';
import { createAccessTokens } from './relay/oauth/access-tokens.ts';
import { createConsentUpkeep } from './relay/oauth/consent-upkeep.ts';
import type { Consents } from './relay/oauth/consents.ts';
import { knownEnds } from './relay/oauth/known-ends.ts';
import type { AccessTokens } from './relay/oauth/token.ts';
import { createTokenRequest } from './relay/oauth/token-request.ts';
import type { Upstreams } from './relay/upstreams.ts';

export type Authorizations = Readonly<{
  tokens: AccessTokens;
  /** Those whose ends are known. Rejects where the database cannot be read. */
  ending: () => Promise<readonly EndingAuthorization[]>;
  start: () => void;
  /** Waits for refreshes under way, at most so long: what they bring must come to the disk. */
  stop: (grace: DurationMs) => Promise<void>;
}>;

type Parts = Readonly<{ upstreams: Upstreams; consents: Consents; raise: RaiseAlert }>;

export function createAuthorizations(
  { deps, clockTrust }: Ground,
  { upstreams, consents, raise }: Parts,
): Authorizations {
  const { clock, random, logging } = deps;
  const { clientSecret } = upstreams;
  const request = createTokenRequest({ consents, clientSecret, clock });
  const tokens = createAccessTokens({ request, clock, log: logging.log, chance: () => fraction(random) });
  const clockTrusted = clockTrust.trusted;
  const upkeep = createConsentUpkeep({ upstreams, consents, tokens, raise, clock, clockTrusted });
  return {
    tokens,
    ending: async () => knownEnds(upstreams.list(), await consents.times()),
    start: upkeep.start,
    stop: grace => {
      upkeep.stop();
      return tokens.stop(grace);
    },
  };
}
