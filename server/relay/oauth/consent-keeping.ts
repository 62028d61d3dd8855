// What becomes of a consent that was just given: it must have brought a refresh token and what was asked for; then it is
// stored, in one commit with the upstream's next revision and the audit, or held in memory where the upstream is a draft.

import type { AuditFact } from '../../audit/audit-entry.ts';
import type { Clock } from '../../clock.ts';
import type { Statement } from '../../storage/database.ts';
import { storageRefusalText } from '../../storage/refusal-text.ts';
import type { Upstream } from '../upstream.ts';
import { authorizeUpstream } from '../upstream-statements.ts';
import type { Upstreams } from '../upstreams.ts';
import type { AuthorizationRefusal, Authorized } from './authorizer.ts';
import type { Consents, NewConsent } from './consents.ts';
import { consentEnd } from './known-ends.ts';
import type { Tokens } from './oauth-client.ts';
import { type OAuthSettings, oauthToText } from './oauth-settings.ts';

export type ConsentKeeperDeps = Readonly<{
  upstreams: Pick<Upstreams, 'byId' | 'reload'>;
  consents: Consents;
  clock: Clock;
  /** Of the operator who sits there. */
  audit: (fact: AuditFact) => Statement;
}>;

export type KeepConsent = (tokens: Tokens) => Promise<Authorized | AuthorizationRefusal>;

/** Somebody else changes the upstream at the same moment. */
const MOST_TRIES = 3;

/** To be called when the conversation begins: it notes whether the upstream is a draft. */
export function createConsentKeeper(
  deps: ConsentKeeperDeps,
): (upstream: Upstream, settings: OAuthSettings) => Promise<KeepConsent> {
  const { upstreams, consents, clock } = deps;
  return async (upstream, settings) => {
    await upstreams.reload();
    const isDraft = !isSameClient(upstreams.byId(upstream.id), upstream);
    return async tokens => {
      const refusal = lackOf(tokens, upstream, settings);
      if (refusal !== null) return refused(refusal);
      const { refreshTokenExpiresIn, refreshToken } = tokens;
      const endsAt = refreshTokenExpiresIn === null ? null : clock.now() + refreshTokenExpiresIn;
      const consent: NewConsent = { refreshToken: refreshToken ?? '', endsAt };
      const now = clock.now();
      const end = consentEnd(settings, { endsAt, consentedAt: now, refreshedAt: now });
      if (!isDraft) return store(deps, { upstream, consent, end });
      consents.held.hold(upstream.id, consent);
      return { kind: 'authorized', upstream, endsAt: end };
    };
  };
}

type Keeping = Readonly<{ upstream: Upstream; consent: NewConsent; end: Authorized['endsAt'] }>;

async function store(deps: ConsentKeeperDeps, keeping: Keeping): Promise<Authorized | AuthorizationRefusal> {
  const { upstreams, consents, audit } = deps;
  const { upstream, consent, end } = keeping;
  const { id, name } = upstream;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    await upstreams.reload();
    const now = upstreams.byId(id);
    if (now === null || !isSameClient(now, upstream)) {
      return refused(
        `"${name}" was changed or removed by somebody else meanwhile, so the consent is not stored. Look at it with \`postern upstream show\`, and authorise again.`,
      );
    }
    const stored = await consents.keep(id, consent, () => [
      authorizeUpstream(id, now.revision),
      audit({ action: 'upstream.authorized', object: now.name }),
    ]);
    if (stored.kind === 'committed') {
      await upstreams.reload();
      return { kind: 'authorized', upstream: upstreams.byId(id) ?? upstream, endsAt: end };
    }
    if (stored.kind === 'full' || stored.kind === 'busy' || stored.kind === 'io') {
      return refused(storageRefusalText(stored));
    }
  }
  return refused(
    `"${name}" is being changed by somebody else all the time, so the consent is not stored: try again.`,
  );
}

function isSameClient(stored: Upstream | null, given: Upstream): boolean {
  if (stored === null || stored.oauth === null || given.oauth === null) return false;
  return stored.user === given.user && oauthToText(stored.oauth) === oauthToText(given.oauth);
}

/** Why the consent does not do; null: it does. */
function lackOf(
  { refreshToken, scopes }: Tokens,
  { name }: Upstream,
  settings: OAuthSettings,
): string | null {
  // At Google a person may untick what is asked for.
  const missing =
    settings.provider === 'google' ? settings.scopes.filter(scope => scopes?.includes(scope) === false) : [];
  if (missing.length > 0) {
    return `The consent does not include what Postern needs (${missing.join(' ')}): start again, and leave the tick in its box. Nothing is stored.`;
  }
  if (refreshToken !== null) return null;
  const host = new URL(settings.tokenEndpoint).hostname;
  const why =
    settings.provider === 'google'
      ? 'Remove the app at myaccount.google.com/connections'
      : `Most providers want the scope offline_access for that: \`postern upstream set ${name} --oauth-scope "… offline_access"\``;
  return `${host} gave no refresh token, so the consent would end within an hour. ${why}, then authorise again. Nothing is stored.`;
}

function refused(text: string): AuthorizationRefusal {
  return { kind: 'refused', text };
}
