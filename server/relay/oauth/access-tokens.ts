// The access tokens of upstreams that use OAuth2, in memory alone. Of each upstream one is got at a time, however many
// deliveries wait for it; before it ends the next one is got while it still serves, so that an outage of the provider of some
// minutes is not noticed. What an upstream's revision or settings were changed for begins anew. Lives are counted by the
// monotonic clock.

import type { Clock, DurationMs } from '../../clock.ts';
import type { Log } from '../../events.ts';
import { createRunning } from '../../queue/running.ts';
import type { Upstream } from '../upstream.ts';
import { oauthToText } from './oauth-settings.ts';
import type { AccessTokens, TokenResult } from './token.ts';
import { type TokenLife, tokenLife } from './token-life.ts';
import type { TokenRequest } from './token-request.ts';

export type TokenManager = AccessTokens &
  Readonly<{
    /** Gets another one whatever there is: a consent that is never used ends. */
    renew: (upstream: Upstream) => Promise<TokenResult>;
    /**
     * Waits for what is under way, at most so long: a rotated token must come to the disk. What still waits for a provider
     * then is broken off, so that it keeps no process alive.
     */
    stop: (grace: DurationMs) => Promise<void>;
  }>;

type Deps = Readonly<{
  request: TokenRequest;
  clock: Clock;
  log: Log;
  /** From 0 to 1. */
  chance: () => number;
}>;

type Kept = Readonly<{ token: string; askedAt: DurationMs; life: TokenLife }>;
type State = {
  readonly revision: number;
  readonly settings: string;
  kept: Kept | null;
  flight: Promise<TokenResult> | null;
  /** After a refresh that failed while the token still served. */
  retryAt: DurationMs;
};

/** A token as young as this that is refused is refused for another reason: several deliveries that began together say so. */
const YOUNG: DurationMs = 5_000;
const BETWEEN_TRIES: DurationMs = 30_000;
/** What was broken off gives its lease back; this only bounds a mistake. */
const AFTER_CUT_OFF: DurationMs = 1_000;

export function createAccessTokens({ request, clock, log, chance }: Deps): TokenManager {
  const states = new Map<string, State>();
  /** Also what serves a view that was replaced meanwhile. */
  const flights = createRunning();
  const cutOff = new AbortController();

  function stateOf(upstream: Upstream): State {
    const { id, revision } = upstream;
    const settings = `${upstream.user} ${upstream.oauth === null ? '' : oauthToText(upstream.oauth)}`;
    const known = states.get(id);
    // Who still holds an older view of it is served with what there is.
    const isKnown = known !== undefined && (known.revision > revision || known.settings === settings);
    if (isKnown && known.revision >= revision) return known;
    const state = { revision, settings, kept: null, flight: null, retryAt: Number.NEGATIVE_INFINITY };
    states.set(id, state);
    return state;
  }

  function fly(upstream: Upstream, state: State): Promise<TokenResult> {
    if (state.flight !== null) return state.flight;
    const flight = get(upstream, state).finally(() => {
      state.flight = null;
    });
    state.flight = flight;
    flights.track(flight);
    return flight;
  }

  async function get(upstream: Upstream, state: State): Promise<TokenResult> {
    const result = await request(upstream, cutOff.signal);
    if (result.kind === 'fault' && cutOff.signal.aborted) return result;
    if (result.kind === 'fault') {
      state.retryAt = clock.monotonic() + Math.max(BETWEEN_TRIES, result.fault.wait ?? 0);
      const { kind, text } = result.fault;
      // Where nothing serves any more, it is the upstream's fault, and is said as such.
      if (serves(state.kept)) log('oauth.refresh_failed', { upstream: upstream.name, kind, text });
      return result;
    }
    const { token, askedAt, expiresIn } = result;
    state.kept = { token, askedAt, life: tokenLife(askedAt, expiresIn, chance()) };
    log('oauth.refreshed', { upstream: upstream.name, expires_in: expiresIn });
    return { kind: 'token', token };
  }

  const serves = (kept: Kept | null): kept is Kept => kept !== null && clock.monotonic() < kept.life.overAt;

  async function tokenFor(upstream: Upstream): Promise<TokenResult> {
    const state = stateOf(upstream);
    const { kept } = state;
    if (!serves(kept)) return fly(upstream, state);
    const now = clock.monotonic();
    if (now >= kept.life.refreshAt && now >= state.retryAt) void fly(upstream, state);
    return { kind: 'token', token: kept.token };
  }

  return {
    tokenFor,
    anotherThan: async (upstream, refused) => {
      const state = stateOf(upstream);
      const { kept, flight } = state;
      if (flight !== null) return flight;
      if (!serves(kept) || kept.token !== refused) return tokenFor(upstream);
      if (clock.monotonic() - kept.askedAt < YOUNG) return { kind: 'token', token: kept.token };
      state.kept = null;
      return fly(upstream, state);
    },
    renew: upstream => fly(upstream, stateOf(upstream)),
    stop: async grace => {
      await flights.ended(grace);
      cutOff.abort();
      await flights.ended(AFTER_CUT_OFF);
    },
  };
}
