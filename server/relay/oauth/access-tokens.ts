// The access tokens of upstreams that use OAuth2.

import type { AccessTokens } from './token.ts';

export function createAccessTokens(): AccessTokens {
  const unauthorised: AccessTokens['tokenFor'] = async ({ name }) => ({
    kind: 'fault',
    fault: {
      kind: 'consent',
      stage: 'auth',
      reply: null,
      text: `Nobody has authorised Postern at ${name} yet: run \`postern upstream authorize ${name}\`.`,
    },
  });
  return { tokenFor: unauthorised, anotherThan: unauthorised };
}
