// Which mechanism to log in to an upstream with, among those that it offers: some prove a password, others a token.

import { cramMd5Client } from './client-cram-md5.ts';
import type { ClientContext, ClientMechanism } from './client-mechanism.ts';
import { oauthbearerClient } from './client-oauthbearer.ts';
import { loginClient, plainClient } from './client-password.ts';
import { scramSha256Client, scramSha256PlusClient } from './client-scram.ts';
import type { TokenMechanism } from './client-token.ts';
import { xoauth2Client } from './client-xoauth2.ts';

/** TLS with a verified certificate protects the password, so what every server does right comes first. */
const OVER_TLS = [plainClient, loginClient, scramSha256PlusClient, scramSha256Client, cramMd5Client];

/** Without TLS those that do not show the password come first; nothing there can be bound. */
const IN_CLEAR = [scramSha256Client, cramMd5Client, plainClient, loginClient];

/** In the order in which to try them; empty where there is none in common. `offered`: names in capitals. */
export function clientMechanisms(
  offered: readonly string[],
  { channelBinding }: Pick<ClientContext, 'channelBinding'>,
): readonly ClientMechanism[] {
  const known = channelBinding === null ? IN_CLEAR : OVER_TLS;
  return known.filter(mechanism => offered.includes(mechanism.name));
}

/** Google has both, and Microsoft only the first: what all of them do comes first. */
const BY_TOKEN: readonly TokenMechanism[] = [xoauth2Client, oauthbearerClient];

export const TOKEN_MECHANISM_NAMES: readonly string[] = BY_TOKEN.map(({ name }) => name);

/** Those that take an access token, in the order in which to try them. `offered`: names in capitals. */
export function tokenMechanisms(offered: readonly string[]): readonly TokenMechanism[] {
  return BY_TOKEN.filter(mechanism => offered.includes(mechanism.name));
}
