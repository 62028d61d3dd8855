// A person authorises an upstream for end-to-end tests: by the product's command line, at a real OAuth server. The person
// reads what the command shows, and does what it says.

import { join } from 'node:path';
import { converse } from '../support/conversation.ts';
import { MAILBOX, OAUTH_CLIENTS, type OAuthServer, SCOPE } from '../support/oauth-server.ts';
import { type Installation, ROOT } from '../support/postern.ts';
import type { Finished } from '../support/process.ts';
import type { PostfixUpstream } from '../support/upstream-postfix.ts';

export const UPSTREAM = 'provider';

type Place = Readonly<{ at: Installation; postfix: PostfixUpstream; oauth: OAuthServer }>;

/** Adds the Postfix as an upstream that a person must authorise: by a public client, as the documentation has it. */
export function addByConsent(place: Place): Promise<unknown> {
  const { authorization, device } = place.oauth.endpoints;
  return add(place, [
    ...['--oauth-client-id', OAUTH_CLIENTS.public.id, '--oauth-flow', 'authorization-code'],
    ...['--oauth-authorization-endpoint', authorization, '--oauth-device-endpoint', device],
  ]);
}

/** As one for which the client needs nobody's consent. */
export function addByClient(place: Place): Promise<unknown> {
  const { id, secret } = OAUTH_CLIENTS.daemon;
  const client = ['--oauth-client-id', id, '--oauth-client-secret-stdin'];
  return add(place, ['--oauth-flow', 'client-credentials', ...client], { stdin: `${secret}\n` });
}

function add(
  { at, postfix, oauth }: Place,
  more: readonly string[],
  options?: Readonly<{ stdin: string }>,
): Promise<unknown> {
  const url = `smtp+starttls://${encodeURIComponent(MAILBOX)}@localhost:${postfix.ports.starttls}`;
  const common = ['--url', url, '--ca', postfix.ca, '--oauth-provider', 'other', '--oauth-scope', SCOPE];
  // A login for each message, so that each needs a token.
  const pace = ['--per-connection', '1', '--oauth-token-endpoint', oauth.endpoints.token];
  return at.json(['upstream', 'add', UPSTREAM, ...common, ...pace, ...more], options);
}

/** In a browser on another machine: the page at which it ends does not load, and its address is pasted. */
export function authorizeByPasting(at: Installation, oauth: OAuthServer): Promise<Finished> {
  return converse(authorize(at, 'code'), [
    {
      after: new RegExp(`${oauth.endpoints.authorization}\\S+(?=\\s)`),
      say: async url => `${await oauth.approveCode(url)}\n`,
    },
  ]);
}

/** On any device, by typing the code that is shown. */
export function authorizeByDevice(at: Installation, oauth: OAuthServer): Promise<Finished> {
  return converse(authorize(at, 'device'), [
    {
      after: /Code +[A-Z0-9-]+(?=\s)/,
      say: async found => {
        await oauth.approveDevice(found.replace(/^Code +/, ''));
        return '';
      },
    },
  ]);
}

function authorize({ config, data }: Installation, flow: 'code' | 'device'): readonly string[] {
  const command = [process.execPath, join(ROOT, 'bin/postern'), 'upstream', 'authorize', UPSTREAM];
  return [...command, '--flow', flow, '--config', config, '--data', data];
}
