// Uses every consent about once a day, also of upstreams that no mail goes to: Microsoft ends what was not used for 90 days,
// Google after six months. So the operator also hears early that a consent has ended. Runs in the server alone.

import type { Clock, DurationMs } from '../../clock.ts';
import type { RaiseAlert } from '../../notification/alert.ts';
import { faultSubject, type Upstream } from '../upstream.ts';
import type { Upstreams } from '../upstreams.ts';
import type { TokenManager } from './access-tokens.ts';
import type { Consents } from './consents.ts';
import { needsConsent } from './oauth-settings.ts';

export type ConsentUpkeep = Readonly<{
  start: () => void;
  /** Uses what is due. Never rejects. */
  look: () => Promise<void>;
  stop: () => void;
}>;

type Deps = Readonly<{
  upstreams: Pick<Upstreams, 'list'>;
  consents: Pick<Consents, 'times'>;
  tokens: Pick<TokenManager, 'renew'>;
  raise: RaiseAlert;
  clock: Clock;
  clockTrusted: () => boolean;
}>;

const EVERY: DurationMs = 3_600_000;
const DAILY: DurationMs = 24 * EVERY;

export function createConsentUpkeep(deps: Deps): ConsentUpkeep {
  const { upstreams, consents, tokens, clock } = deps;
  /** By upstream, monotonic: when this process tried it last. */
  const triedAt = new Map<string, DurationMs>();
  const startedAt = clock.monotonic();
  let timer: NodeJS.Timeout | undefined;

  /** A wall clock that is wrong must neither use it each hour nor never. */
  const isDue = (id: string, refreshedAt: number): boolean => {
    const tried = triedAt.get(id);
    if (tried !== undefined) return clock.monotonic() - tried >= DAILY;
    if (!deps.clockTrusted()) return clock.monotonic() - startedAt >= DAILY;
    return Math.abs(clock.now() - refreshedAt) >= DAILY;
  };

  async function use(upstream: Upstream): Promise<void> {
    triedAt.set(upstream.id, clock.monotonic());
    const result = await tokens.renew(upstream);
    if (result.kind === 'token') return;
    const { kind, text } = result.fault;
    // An outage is over tomorrow, or seen by the next message.
    if (kind !== 'consent' && kind !== 'credentials') return;
    // The same alert as that of health.ts: whoever comes second only counts it.
    deps.raise({
      kind: 'upstream-fault',
      subject: faultSubject(upstream, kind),
      text: `Upstream ${upstream.name} cannot be used: ${text} Mail waits and does not age.`,
    });
  }

  async function look(): Promise<void> {
    const times = await consents.times().catch(() => null);
    if (times === null) return; // the database is out of order, which is said where mail needs it
    for (const upstream of upstreams.list()) {
      const consent = times.get(upstream.id);
      if (upstream.oauth === null || !needsConsent(upstream.oauth) || consent === undefined) continue;
      // One after the other: nothing of it is urgent.
      if (isDue(upstream.id, consent.refreshedAt)) await use(upstream);
    }
  }

  return {
    start: () => {
      timer = setInterval(() => void look(), EVERY).unref();
    },
    look,
    stop: () => clearInterval(timer),
  };
}
