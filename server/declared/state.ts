// What there is now, over all parts that a declaration speaks of, with the secrets that can be opened; and which declared
// passwords are those that are stored already, which takes the work of a login each.

import type { StoredAccount } from '../accounts/account.ts';
import type { Accounts } from '../accounts/accounts.ts';
import type { PasswordHasher } from '../accounts/password.ts';
import type { ChannelStore } from '../notification/channel-store.ts';
import type { Consents } from '../relay/oauth/consents.ts';
import type { RecipientRules } from '../relay/recipient-rules.ts';
import type { RouteView } from '../relay/routes.ts';
import type { Upstreams } from '../relay/upstreams.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { PasswordFacts } from './account-password.ts';
import type { Declaration } from './document.ts';
import type { State } from './plan.ts';

export type Parts = Readonly<{
  accounts: Pick<Accounts, 'list' | 'lookup' | 'reload'>;
  upstreams: Pick<Upstreams, 'list' | 'password' | 'clientSecret' | 'reload'>;
  consents: Pick<Consents, 'find'>;
  routes: Pick<RouteView, 'list' | 'reload'>;
  recipients: Pick<RecipientRules, 'list' | 'reload'>;
  channels: Pick<ChannelStore, 'list' | 'settings' | 'reload'>;
}>;

/** Reads all of them anew. */
export async function readState(parts: Parts): Promise<State> {
  const { accounts, upstreams, consents, routes, recipients, channels } = parts;
  await Promise.all([accounts, upstreams, routes, recipients, channels].map(part => part.reload()));
  const stored = upstreams.list().map(async upstream => ({
    upstream,
    password: upstreams.password(upstream),
    clientSecret: upstreams.clientSecret(upstream),
    consent: await consents.find(upstream.id),
  }));
  return {
    upstreams: await Promise.all(stored),
    accounts: accounts.list().flatMap(({ account }) => accounts.lookup(account.canonicalName) ?? []),
    routes: routes.list(),
    recipients: recipients.list(),
    channels: channels.list().map(channel => ({ channel, settings: channels.settings(channel) })),
  };
}

/** With the newest password of each account: an older one ends by itself. */
export async function comparePasswords(
  { accounts }: Declaration,
  stored: readonly StoredAccount[],
  hasher: Pick<PasswordHasher, 'verify'>,
): Promise<PasswordFacts> {
  const known = new Map(stored.map(one => [one.account.canonicalName, one.credentials[0]]));
  const compared = (accounts ?? []).map(async ({ value: { name, password } }) => {
    const newest = known.get(canonicalName(name));
    if (password === undefined || newest === undefined) return null;
    return [canonicalName(name), (await hasher.verify([newest.passwordHash], password)) !== null] as const;
  });
  return new Map((await Promise.all(compared)).flatMap(one => (one === null ? [] : [one])));
}
