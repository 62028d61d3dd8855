// What the errors of OAuth2 itself mean (RFC 6749 §4.1.2.1 and §5.2, RFC 8628 §3.5, OpenID Connect Core §3.1.2.6), whoever
// says them. Pure.

import { type RefusalRow, setCommand } from './refusal-row.ts';

const SECRET_OPTIONS = '--oauth-client-secret-prompt';

/** Of a consent that is being given. */
const conversationRows: readonly RefusalRow[] = [
  {
    error: /^(access_denied|authorization_declined)$/,
    when: ({ consenting }) => consenting !== null,
    kind: 'consent',
    why: 'The consent was refused.',
    mend: ({ settings, consenting, upstream }) =>
      settings.provider === 'microsoft' && consenting === 'device-code'
        ? `If the browser said that access is blocked by policy, use \`postern upstream authorize ${upstream} --flow code\`.`
        : '',
  },
  {
    error: /^(expired_token|code_expired)$/,
    kind: 'consent',
    why: 'The code has ended before anybody consented.',
    mend: ({ settings, upstream }) =>
      settings.provider === 'microsoft'
        ? `If the browser said that access is blocked by policy, use \`postern upstream authorize ${upstream} --flow code\`.`
        : '',
  },
  {
    error: /^(invalid_grant|bad_verification_code)$/,
    when: ({ consenting }) => consenting !== null,
    kind: 'consent',
    why: 'The code is of no use any more: it lives for a few minutes, is good once, and belongs to one attempt.',
  },
  {
    error: /^redirect_uri_mismatch$/,
    kind: 'credentials',
    why: ({ settings }) => `The redirect address ${settings.redirectUri} is not registered with the client.`,
    mend: place =>
      place.settings.provider === 'google'
        ? 'Make a client of the type "Desktop app", which needs none to be registered; one of the type "Web application" does not do.'
        : `Register it at the provider, or set one that is: ${setCommand(place, '--oauth-redirect-uri URI')}.`,
  },
];

const standingRows: readonly RefusalRow[] = [
  {
    error:
      /^(invalid_grant|interaction_required|login_required|consent_required|account_selection_required)$/,
    kind: 'consent',
    why: ({ settings }) =>
      `${new URL(settings.tokenEndpoint).hostname} does not take the consent any more: it has ended, was withdrawn, or belongs to another client.`,
  },
  {
    error: /^(invalid_client|unauthorized_client)$/,
    kind: 'credentials',
    why: ({ settings }) =>
      settings.clientAuthentication === 'none'
        ? `The client ID ${settings.clientId} is not known, may not do this, or needs a secret.`
        : `The client ID ${settings.clientId} is not known, its secret is wrong or has expired, or it may not do this.`,
    mend: place =>
      `Check it at the provider, and set ${setCommand(place, `--oauth-client-id ID ${SECRET_OPTIONS}`)}; some providers want the secret in another place (\`--oauth-client-authentication post\` or \`basic\`).`,
  },
  {
    error: /^(invalid_scope|invalid_target|invalid_resource)$/,
    kind: 'credentials',
    why: ({ settings }) => `The provider does not give this client the scopes ${settings.scopes.join(' ')}.`,
    mend: place => `Allow them there, or set others: ${setCommand(place, '--oauth-scope S…')}.`,
  },
  {
    error: /^(unsupported_grant_type|unsupported_response_type)$/,
    kind: 'credentials',
    why: 'The provider does not know this way of coming to a token.',
    mend: place => `Set another one: ${setCommand(place, '--oauth-flow FLOW')}.`,
  },
  {
    error: /^access_denied$/,
    kind: 'credentials',
    why: 'The provider refuses us access.',
    mend: 'Its administrator must allow it.',
  },
  {
    error: /^(server_error|temporarily_unavailable|slow_down)$/,
    kind: 'passing',
    why: 'The provider cannot give a token just now.',
  },
  {
    error: /^invalid_request$/,
    kind: 'credentials',
    why: 'The provider does not understand our request for a token: something of the settings does not fit it.',
    mend: place => `Compare them with its documentation, and change them with ${setCommand(place, '…')}.`,
  },
];

export const rowsOfAny: readonly RefusalRow[] = [...conversationRows, ...standingRows];
