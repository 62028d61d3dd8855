// The questions of `postern setup` about how to log in to an upstream: a password or key, or an OAuth2 client.

import { oauthSettings } from '../relay/oauth/oauth-input.ts';
import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import { sesPassword, sesRegionOf } from '../relay/ses-password.ts';
import type { UpstreamInput } from '../relay/upstream-input.ts';
import { apiOf, isSmtp } from '../relay/upstream-scheme.ts';
import type { Choice } from './prompts.ts';
import { askClient, type OAuthClient } from './setup-oauth.ts';
import type { SetupParts } from './setup-parts.ts';
import type { SetupPlace } from './setup-place.ts';

export type SetupLogin = Pick<UpstreamInput, 'password' | 'oauth' | 'clientSecret'> &
  Readonly<{
    /** For people. */
    words: string;
  }>;

type Way = 'password' | 'access-key' | 'oauth' | 'none';

/** `before`: the OAuth2 client that was named before, to be changed. */
export async function askLogin(
  parts: SetupParts,
  place: SetupPlace,
  before: OAuthSettings | null,
): Promise<SetupLogin | null> {
  const ways = waysInto(place);
  const [only] = ways;
  const way =
    ways.length === 1 && only !== undefined
      ? only.value
      : await parts.prompts.choose({
          message: 'How is Postern to log in there?',
          choices: ways,
          ...(before === null ? {} : { initial: 'oauth' as const }),
        });
  switch (way) {
    case null:
      return null;
    case 'none':
      return { words: 'none' };
    case 'oauth':
      return askOAuth(parts, place, before);
    case 'password':
    case 'access-key':
      return askPassword(parts, place, way);
    default:
      return way satisfies never;
  }
}

function waysInto({ address, preset }: SetupPlace): readonly Choice<Way>[] {
  const api = apiOf(address.scheme);
  const oauth = { value: 'oauth', label: 'With OAuth2' } as const;
  if (api === 'graph' || api === 'gmail') return [oauth];
  if (address.user === null && isSmtp(address.scheme)) return [{ value: 'none', label: 'Not at all' }];
  const password = { value: 'password', label: `With ${secretWords(preset?.key, api)}` } as const;
  if (preset?.key === 'ses') {
    return [
      password,
      { value: 'access-key', label: 'With the secret access key', hint: 'Postern makes the password' },
    ];
  }
  if (preset !== null && preset.oauth === null) return [password];
  if (preset !== null && preset.secret === null) return [oauth];
  return api === null ? [password, oauth] : [password];
}

function secretWords(preset: string | undefined, api: string | null): string {
  if (preset === 'ses') return 'the SMTP password of that access key';
  if (api === null) return preset === 'gmail' ? 'an app password' : 'a password';
  return api === 'ses' ? 'the secret access key' : 'an API key';
}

async function askPassword(
  { prompts }: SetupParts,
  { address, preset }: SetupPlace,
  way: 'password' | 'access-key',
): Promise<SetupLogin | null> {
  const word =
    way === 'access-key'
      ? 'secret access key'
      : secretWords(preset?.key, apiOf(address.scheme)).replace(/^(an?|the) /, '');
  const secret = await prompts.secret({
    message: `The ${word}`,
    check: typed => (typed === '' ? 'It cannot be empty.' : null),
  });
  if (secret === null) return null;
  const region = way === 'access-key' ? sesRegionOf(address.host) : null;
  // People copy app passwords with the blanks that Google shows them in.
  const bare =
    preset?.oauth === 'google'
      ? secret.replace(/^\s*(\w{4})\s(\w{4})\s(\w{4})\s(\w{4})\s*$/, '$1$2$3$4')
      : secret;
  return { password: region === null ? bare : sesPassword(secret, region), words: word };
}

/** Until the client can be used. */
async function askOAuth(
  parts: SetupParts,
  place: SetupPlace,
  before: OAuthSettings | null,
): Promise<SetupLogin | null> {
  for (;;) {
    const client = await askClient(parts, place, before);
    if (client === null) return null;
    const made = settingsWith(client, place);
    if (made.kind === 'settings') {
      const { settings, clientSecret } = made;
      return {
        oauth: settings,
        ...(clientSecret === undefined ? {} : { clientSecret }),
        words: `OAuth2, client ${settings.clientId}`,
      };
    }
    parts.prompts.tell(made.text, 'bad');
  }
}

function settingsWith({ wishes, secret }: OAuthClient, { address, preset }: SetupPlace) {
  return oauthSettings(wishes, {
    place: address,
    presetProvider: preset?.oauth ?? null,
    secret,
    before: null,
  });
}
