// One way to an access token, whatever the flow: with a person's consent, or in the client's own right. The libraries are
// loaded when the first token is asked for. A refresh token that came in place of the used one is durable before the access
// token is given out: whoever dies in between must not be left with a used one.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, DurationMs, EpochMs } from '../../clock.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import type { CommitRefusal } from '../../storage/database.ts';
import { storageRefusalText } from '../../storage/refusal-text.ts';
import type { Upstream } from '../upstream.ts';
import type { Consents, KnownConsent, Lease, Rotation } from './consents.ts';
import type { OAuthIdentity, TokenAnswer, Tokens } from './oauth-client.ts';
import { clientSecretUnreadable, consentMissing, consentUnreadable, tokenFault } from './oauth-refusals.ts';
import { needsConsent, type OAuthSettings } from './oauth-settings.ts';
import type { RefusalPlace } from './refusal-row.ts';

/** An access token and how long it lives; null: not said. */
export type GotToken = Readonly<{
  kind: 'got';
  token: string;
  expiresIn: DurationMs | null;
  askedAt: DurationMs;
}>;
export type TokenFault = Readonly<{ kind: 'fault'; fault: UpstreamFault }>;
/** `signal` breaks off what waits for a provider or for another process. */
export type TokenRequest = (upstream: Upstream, signal?: AbortSignal) => Promise<GotToken | TokenFault>;

export type TokenRequestDeps = Readonly<{
  consents: Consents;
  /** Null: none is set, or the sealing key cannot open it. */
  clientSecret: (upstream: Upstream) => string | null;
  clock: Clock;
  /** For one request to the provider. */
  patience?: DurationMs;
}>;

/** Rotated tokens that could not be stored, by upstream. */
type Unsaved = Map<string, Readonly<{ lease: Lease; rotation: Rotation }>>;

/** While another process uses the token. */
const BETWEEN_LOOKS: DurationMs = 200;
const LONGEST_WAIT: DurationMs = 35_000;
/** The consent is replaced under our hands: by a person, who does so once. */
const MOST_ROUNDS = 3;

/** Never rejects. At most one call at a time for each upstream (access-tokens.ts). */
export function createTokenRequest(deps: TokenRequestDeps): TokenRequest {
  const unsaved: Unsaved = new Map();
  return async (upstream, signal) => {
    const settings = upstream.oauth;
    if (settings === null) return faultOf(consentMissing(upstream.name));
    try {
      const known = identityOf(upstream, settings, deps);
      if ('fault' in known) return known;
      const identity = signal === undefined ? known : { ...known, signal };
      if (!needsConsent(settings)) return await inOwnRight(upstream, identity, deps);
      return await withConsent(upstream, identity, { ...deps, unsaved });
    } catch (error) {
      // A database that cannot be read, or a mistake of ours: it passes, or is seen in the text.
      const text = `No access token for ${upstream.name} could be got: ${String(error)}.`;
      return faultOf({ kind: 'unreachable', stage: 'auth', reply: null, text });
    }
  };
}

export function identityOf(
  upstream: Upstream,
  settings: OAuthSettings,
  { clientSecret, clock, patience }: Pick<TokenRequestDeps, 'clientSecret' | 'clock' | 'patience'>,
): OAuthIdentity | TokenFault {
  const secret = clientSecret(upstream);
  const isNeeded = settings.flow === 'service-account' || settings.clientAuthentication !== 'none';
  if (secret === null && isNeeded) {
    const place = placeOf(upstream, settings, { consent: null, now: clock.now() });
    return faultOf(clientSecretUnreadable(place, upstream.sealedClientSecret !== null));
  }
  return { settings, clientSecret: secret, ...(patience === undefined ? {} : { patience }) };
}

export function placeOf(
  { name, user }: Upstream,
  settings: OAuthSettings,
  { consent, now }: Readonly<{ consent: KnownConsent | null; now: EpochMs }>,
): RefusalPlace {
  return {
    upstream: name,
    user,
    settings,
    consenting: null,
    age: consent === null ? null : now - consent.consentedAt,
    idle: consent === null ? null : now - consent.refreshedAt,
  };
}

async function inOwnRight(
  upstream: Upstream,
  identity: OAuthIdentity,
  { clock }: TokenRequestDeps,
): Promise<GotToken | TokenFault> {
  const askedAt = clock.monotonic();
  const answer = await askInOwnRight(upstream, identity, clock);
  if (answer.kind === 'tokens') return got(answer, askedAt);
  const place = placeOf(upstream, identity.settings, { consent: null, now: clock.now() });
  return faultOf('fault' in answer ? answer.fault : tokenFault(answer.trouble, place));
}

async function askInOwnRight(
  upstream: Upstream,
  identity: OAuthIdentity,
  clock: Clock,
): Promise<TokenAnswer | TokenFault> {
  const client = await import('./oauth-client.ts');
  if (identity.settings.flow === 'client-credentials') return client.clientTokens(identity);
  const { signAssertion } = await import('./service-account.ts');
  const { settings, clientSecret } = identity;
  const asserted = { settings, privateKey: clientSecret ?? '', mailbox: upstream.user, now: clock.now() };
  const assertion = await signAssertion(asserted);
  if (assertion !== null) return client.assertedTokens(identity, assertion);
  const place = placeOf(upstream, settings, { consent: null, now: clock.now() });
  return faultOf(clientSecretUnreadable(place, true));
}

type WithConsent = TokenRequestDeps & Readonly<{ unsaved: Unsaved }>;

async function withConsent(
  upstream: Upstream,
  identity: OAuthIdentity,
  deps: WithConsent,
): Promise<GotToken | TokenFault> {
  const { consents, clock, unsaved } = deps;
  const before = unsaved.get(upstream.id);
  if (before !== undefined) {
    const stored = await before.lease.store(before.rotation);
    if (isUnstored(stored)) return faultOf(unstoredFault(upstream, stored));
    unsaved.delete(upstream.id);
  }
  const patience = clock.monotonic() + LONGEST_WAIT;
  for (let round = 1; round <= MOST_ROUNDS; ) {
    const consent = await consents.find(upstream.id);
    if (consent === null) return faultOf(consentMissing(upstream.name));
    if (consent.refreshToken === null) return faultOf(consentUnreadable(upstream.name));
    const lease = await consents.lease(upstream.id, consent.generation);
    if (lease === null) {
      if (clock.monotonic() > patience) break;
      await sleep(BETWEEN_LOOKS, undefined, identity.signal === undefined ? {} : { signal: identity.signal });
      continue;
    }
    if ('kind' in lease) return faultOf(unstoredFault(upstream, lease));
    const result = await useLease(upstream, identity, { ...deps, consent, lease });
    if (result !== 'replaced') return result;
    round++;
  }
  const text = `Another process of Postern has been refreshing the access token of ${upstream.name} for too long; it is tried again.`;
  return faultOf({ kind: 'unreachable', stage: 'auth', reply: null, text });
}

/** `replaced`: another consent took its place meanwhile. */
async function useLease(
  upstream: Upstream,
  identity: OAuthIdentity,
  deps: WithConsent & Readonly<{ consent: KnownConsent; lease: Lease }>,
): Promise<GotToken | TokenFault | 'replaced'> {
  const { clock, consent, lease, consents, unsaved } = deps;
  const { refreshTokens } = await import('./oauth-client.ts');
  const askedAt = clock.monotonic();
  const answer = await refreshTokens(identity, consent.refreshToken ?? '');
  if (answer.kind === 'trouble') {
    await lease.release();
    const now = await consents.find(upstream.id);
    if (now !== null && now.generation !== consent.generation) return 'replaced';
    const place = placeOf(upstream, identity.settings, { consent, now: clock.now() });
    return faultOf(tokenFault(answer.trouble, place));
  }
  const { refreshToken, refreshTokenExpiresIn } = answer;
  const endsAt = refreshTokenExpiresIn === null ? null : clock.now() + refreshTokenExpiresIn;
  const rotation = { refreshToken: refreshToken === consent.refreshToken ? null : refreshToken, endsAt };
  // From here on the old token may be of no use: without the new one on disk nothing of it may be used.
  const stored = await lease.store(rotation);
  if (stored.kind === 'requirement') return 'replaced';
  if (isUnstored(stored)) {
    unsaved.set(upstream.id, { lease, rotation });
    return faultOf(unstoredFault(upstream, stored));
  }
  return got(answer, askedAt);
}

type Unstored = Extract<CommitRefusal, { kind: 'full' | 'busy' | 'io' }>;

function isUnstored(stored: Readonly<{ kind: string }>): stored is Unstored {
  return stored.kind === 'full' || stored.kind === 'busy' || stored.kind === 'io';
}

function unstoredFault({ name }: Upstream, refusal: CommitRefusal): UpstreamFault {
  const why = isUnstored(refusal) ? storageRefusalText(refusal) : 'The database refused it.';
  const text = `The consent for ${name} cannot be used while the database takes nothing: ${why}`;
  return { kind: 'unreachable', stage: 'auth', reply: null, text };
}

function got({ accessToken, expiresIn }: Tokens, askedAt: DurationMs): GotToken {
  return { kind: 'got', token: accessToken, expiresIn, askedAt };
}

export function faultOf(fault: UpstreamFault): TokenFault {
  return { kind: 'fault', fault };
}
