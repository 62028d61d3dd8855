// The consent that a declaration brings for an upstream, if it is taken. Pure.

import type { EpochMs } from '../clock.ts';
import { needsAnotherConsent } from '../relay/oauth/oauth-input.ts';
import { needsConsent, type OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { DeclaredUpstream } from './upstream-keys.ts';
import type { StoredUpstream } from './upstream-login.ts';

export type NewConsent = Readonly<{
  refreshToken: string;
  consentedAt: EpochMs;
  refreshedAt: EpochMs;
  endsAt: EpochMs | null;
}>;

type Wanted = Readonly<{ oauth: OAuthSettings | null; user: string | null }>;

/** A consent that is stored and not older stays: its token may have been replaced since the file was written. */
export function consentOf(
  { oauth }: DeclaredUpstream,
  settings: OAuthSettings | null,
  stored: StoredUpstream | null,
): NewConsent | null {
  const declared = oauth?.consent;
  if (declared === undefined || settings === null || !needsConsent(settings)) return null;
  const known = stored?.consent ?? null;
  const stays = known !== null && known.refreshToken !== null && known.consentedAt >= declared.consented_at;
  if (stays) return null;
  return {
    refreshToken: declared.refresh_token,
    consentedAt: declared.consented_at,
    refreshedAt: declared.refreshed_at ?? declared.consented_at,
    endsAt: declared.ends_at ?? null,
  };
}

/** Whether somebody must still consent when the declaration has been applied. */
export function lacksConsent(
  wanted: Wanted,
  taken: NewConsent | null,
  stored: StoredUpstream | null,
): boolean {
  if (wanted.oauth === null || !needsConsent(wanted.oauth) || taken !== null) return false;
  return stored === null || stored.consent === null || needsAnotherConsent(stored.upstream, wanted);
}
