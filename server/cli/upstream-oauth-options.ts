// The options of `upstream add` and `upstream set` that describe an OAuth2 client. What they mean together is judged by
// relay/oauth/oauth-input.ts.

import type { OAuthWishes } from '../relay/oauth/oauth-choice.ts';
import { type Call, failed, misused, type Option, type Result } from './command.ts';
import { secretOptionsFor } from './secret-input.ts';

export const oauthOptions: readonly Option[] = [
  { flags: '--oauth-client-id ID', means: 'log in with OAuth2, as this client (config/oauth.md)' },
  {
    flags: '--oauth-flow FLOW',
    means:
      'how to come to tokens: authorization-code, device-code, client-credentials or service-account (default: what is easiest at its provider)',
  },
  {
    flags: '--oauth-tenant TENANT',
    means: 'of Microsoft: an id, a domain, or common (default), organizations, consumers',
  },
  {
    flags: '--oauth-provider PROVIDER',
    means: 'google, microsoft or other (default: as the host says)',
  },
  { flags: '--oauth-authorization-endpoint URL', means: 'of another provider: where a person consents' },
  { flags: '--oauth-device-endpoint URL', means: 'of another provider: where device codes come from' },
  { flags: '--oauth-token-endpoint URL', means: 'of another provider: where tokens come from' },
  {
    flags: '--oauth-scope SCOPE',
    means: 'what to ask the right for (default: to send mail)',
    repeats: true,
  },
  {
    flags: '--oauth-client-authentication HOW',
    means: 'how the client proves itself: none, post (default with a secret) or basic',
  },
  {
    flags: '--oauth-redirect-uri URI',
    means: 'where the browser is sent after the consent (default: a free port of this machine)',
  },
  ...secretOptionsFor('oauth-client-secret'),
  {
    flags: '--oauth-client-secret-ends DATE',
    means: 'the day on which the client secret ends, such as 2027-06-30; you are told before',
  },
  { flags: '--oauth-testing', means: "Google's consent screen is in testing: a consent ends after 7 days" },
  { flags: '--oauth-published', means: "Google's consent screen is in production" },
  {
    flags: '--oauth-service-account-file FILE',
    means: 'the key file (JSON) of a Google service account',
    readsFile: true,
  },
];

const TEXTS = {
  provider: 'oauth-provider',
  flow: 'oauth-flow',
  clientId: 'oauth-client-id',
  tenant: 'oauth-tenant',
  authorizationEndpoint: 'oauth-authorization-endpoint',
  deviceEndpoint: 'oauth-device-endpoint',
  tokenEndpoint: 'oauth-token-endpoint',
  scopes: 'oauth-scope',
  clientAuthentication: 'oauth-client-authentication',
  redirectUri: 'oauth-redirect-uri',
  clientSecretEnds: 'oauth-client-secret-ends',
} as const satisfies Partial<Record<keyof OAuthWishes, string>>;

/** What is said of OAuth2, empty where nothing is; or why an option cannot be used. */
export function oauthWishes(call: Call): Readonly<{ wishes: OAuthWishes }> | Result {
  const texts = Object.entries(TEXTS).flatMap(([name, option]) => {
    const value = call.value(option)?.trim();
    return value === undefined ? [] : [[name, value] as const];
  });
  const empty = texts.find(([, value]) => value === '');
  if (empty !== undefined) return misused('The options of OAuth2 cannot be empty.');
  if (call.has('oauth-testing') && call.has('oauth-published')) {
    return misused('Give either --oauth-testing or --oauth-published.');
  }
  const file = call.file('oauth-service-account-file');
  if (file?.kind === 'unreadable') return failed(`The key file ${file.why}`);
  if (file === null && call.value('oauth-service-account-file') !== null) {
    return misused('--oauth-service-account-file names no file: give the path of the key file.');
  }
  const isTesting = call.has('oauth-testing');
  return {
    wishes: {
      ...Object.fromEntries(texts),
      ...(isTesting || call.has('oauth-published') ? { testing: isTesting } : {}),
      ...(file === null ? {} : { serviceAccount: file.octets.toString('utf8') }),
    },
  };
}
