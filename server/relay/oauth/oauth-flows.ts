// The conversations in which an upstream is authorised (authorizer.ts), over the provider's endpoints: authorization code with
// PKCE and a redirect to this machine (RFC 8252), device code (device-consent.ts), or in the client's own right. What a
// consent brings is stored in one commit with the upstream's next revision, so that a running server tries it at once.

import type { Clock } from '../../clock.ts';
import type { Upstream } from '../upstream.ts';
import type { Upstreams } from '../upstreams.ts';
import { authorizationUrl, redirectWithPort } from './authorization-url.ts';
import type { AuthorizationRefusal, Authorizer, CodeConsent } from './authorizer.ts';
import { type ConsentKeeperDeps, createConsentKeeper, type KeepConsent } from './consent-keeping.ts';
import { beginDeviceConsent } from './device-consent.ts';
import { consentEnd } from './known-ends.ts';
import type { Challenge, OAuthIdentity } from './oauth-client.ts';
import { refusalText } from './oauth-refusals.ts';
import type { OAuthSettings } from './oauth-settings.ts';
import { isIssuerOf, parametersIn } from './pasted-answer.ts';
import { troubleIn } from './token-answer.ts';
import { identityOf, placeOf, type TokenRequest } from './token-request.ts';

export type AuthorizerDeps = ConsentKeeperDeps &
  Readonly<{
    upstreams: Pick<Upstreams, 'clientSecret' | 'forgetFault'>;
    request: TokenRequest;
    clock: Clock;
  }>;

/** Of one attempt. */
type Attempt = Readonly<{
  upstream: Upstream;
  settings: OAuthSettings;
  identity: OAuthIdentity;
  keep: KeepConsent;
}>;

export function createAuthorizer(deps: AuthorizerDeps): Authorizer {
  const { upstreams, consents, clock } = deps;
  const startKeeper = createConsentKeeper(deps);

  const begin = async (upstream: Upstream): Promise<Attempt | AuthorizationRefusal> => {
    const settings = upstream.oauth;
    if (settings === null) return refused(`Upstream ${upstream.name} does not use OAuth2.`);
    const identity = identityOf(upstream, settings, { clientSecret: upstreams.clientSecret, clock });
    if ('fault' in identity) return refused(identity.fault.text);
    return { upstream, settings, identity, keep: await startKeeper(upstream, settings) };
  };

  return {
    beginCode: async (upstream, port) => {
      const attempt = await begin(upstream);
      return 'kind' in attempt ? attempt : beginCodeConsent(attempt, { port, clock });
    },
    beginDevice: async upstream => {
      const attempt = await begin(upstream);
      return 'kind' in attempt ? attempt : beginDeviceConsent({ ...attempt, clock });
    },
    tryClient: async upstream => {
      const result = await deps.request(upstream);
      if (result.kind === 'fault') {
        const { text, reply } = result.fault;
        return refused(reply === null ? text : `${text} It said: ${reply}`);
      }
      await upstreams.forgetFault(upstream);
      return { kind: 'authorized', upstream: deps.upstreams.byId(upstream.id) ?? upstream, endsAt: null };
    },
    consentOf: async upstream => {
      const consent = await consents.find(upstream.id);
      if (consent === null || upstream.oauth === null) return null;
      const { consentedAt, refreshedAt } = consent;
      return { consentedAt, refreshedAt, endsAt: consentEnd(upstream.oauth, consent) };
    },
    forget: async upstream => consents.held.forget(upstream.id),
  };
}

async function beginCodeConsent(
  attempt: Attempt,
  { port, clock }: Readonly<{ port: number; clock: Clock }>,
): Promise<CodeConsent | AuthorizationRefusal> {
  const { upstream, settings } = attempt;
  const { authorizationEndpoint } = settings;
  if (authorizationEndpoint === null) {
    return refused(
      `Upstream ${upstream.name} has no authorization endpoint, so nobody can consent in a browser. Set it with \`postern upstream set ${upstream.name} --oauth-authorization-endpoint URL\`.`,
    );
  }
  const { newChallenge } = await import('./oauth-client.ts');
  const challenge = await newChallenge();
  const redirectUri = redirectWithPort(settings.redirectUri, port);
  const asked = { settings, endpoint: authorizationEndpoint, user: upstream.user, redirectUri, challenge };
  return {
    kind: 'code',
    url: authorizationUrl(asked),
    redirectUri,
    isAnswer: text => parametersIn(text)?.get('state') === challenge.state,
    finish: answer => finishCodeConsent(attempt, { answer, challenge, redirectUri, clock }),
  };
}

type Finish = Readonly<{ answer: string; challenge: Challenge; redirectUri: string; clock: Clock }>;

async function finishCodeConsent(attempt: Attempt, finish: Finish): ReturnType<CodeConsent['finish']> {
  const { upstream, settings, identity, keep } = attempt;
  const { challenge, redirectUri, clock } = finish;
  const parameters = parametersIn(finish.answer);
  if (parameters === null) {
    return refused(
      `That is not the address at which the browser ended: it begins with ${redirectUri} and has "code=" in it. Nothing is stored.`,
    );
  }
  // Before its error too: what belongs to another attempt says nothing about this one (RFC 6749 §10.12).
  if (parameters.get('state') !== challenge.state) return refused(strangerText(parameters, upstream));
  const place = {
    ...placeOf(upstream, settings, { consent: null, now: clock.now() }),
    consenting: 'authorization-code',
  } as const;
  const code = parameters.get('code');
  if (parameters.has('error') || code === null) return refused(refusalText(troubleIn(parameters), place));
  const issuer = parameters.get('iss');
  const endpoints = [settings.authorizationEndpoint ?? '', settings.tokenEndpoint];
  if (issuer !== null && !isIssuerOf(issuer, endpoints)) {
    return refused(
      `The answer comes from another provider than the one that was asked (RFC 9207): check the endpoints of ${upstream.name}. Nothing is stored.`,
    );
  }
  const { redeemCode } = await import('./oauth-client.ts');
  const redeemed = await redeemCode(identity, { code, challenge, redirectUri });
  return redeemed.kind === 'trouble' ? refused(refusalText(redeemed.trouble, place)) : keep(redeemed);
}

function strangerText(parameters: URLSearchParams, { name }: Upstream): string {
  const why = parameters.has('state')
    ? 'The address belongs to another attempt: each is good for one answer.'
    : 'The address is not complete: its "state=" is missing. Copy all of it.';
  return `${why} Nothing is stored. Start again with \`postern upstream authorize ${name}\`, and use the newest address.`;
}

function refused(text: string): AuthorizationRefusal {
  return { kind: 'refused', text };
}
