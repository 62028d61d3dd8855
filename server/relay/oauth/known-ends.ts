// When authorizations end by themselves, where that is known: consents to Google apps in testing, consents of which the
// provider says it, client secrets of which the operator does. Pure.

import type { DurationMs, EpochMs } from '../../clock.ts';
import type { Upstream } from '../upstream.ts';
import type { ConsentTimes } from './consent-statements.ts';
import { needsConsent, type OAuthSettings } from './oauth-settings.ts';

export type KnownEnd = Readonly<{
  upstream: string;
  what: 'consent' | 'client-secret';
  provider: OAuthSettings['provider'];
  endsAt: EpochMs;
  /** Its whole life; null: not known. */
  life: DurationMs | null;
}>;

/** developers.google.com/identity/protocols/oauth2#expiration */
const TESTING_LIFE: DurationMs = 7 * 86_400_000;

export function consentEnd(settings: OAuthSettings, { consentedAt, endsAt }: ConsentTimes): EpochMs | null {
  return endsAt ?? (settings.testing ? consentedAt + TESTING_LIFE : null);
}

export function knownEnds(
  upstreams: readonly Upstream[],
  consents: ReadonlyMap<string, ConsentTimes>,
): readonly KnownEnd[] {
  return upstreams.flatMap(({ id, name, oauth }) => {
    if (oauth === null) return [];
    const known = { upstream: name, provider: oauth.provider };
    const { clientSecretEndsAt } = oauth;
    const secret: readonly KnownEnd[] =
      clientSecretEndsAt === null
        ? []
        : [{ ...known, what: 'client-secret', endsAt: clientSecretEndsAt, life: null }];
    const times = needsConsent(oauth) ? consents.get(id) : undefined;
    const endsAt = times === undefined ? null : consentEnd(oauth, times);
    if (times === undefined || endsAt === null) return secret;
    return [...secret, { ...known, what: 'consent', endsAt, life: endsAt - times.consentedAt }];
  });
}
