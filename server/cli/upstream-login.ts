// With what an upstream is logged in to, from the options of `upstream add` and `upstream set`: a password or key, Amazon's
// secret access key, or an OAuth2 client. Secrets come from stdin, a file or a prompt; only one of them from stdin.

import { sendingApiOf } from '../relay/apis/apis.ts';
import type { OAuthWishes } from '../relay/oauth/oauth-choice.ts';
import { oauthSettings } from '../relay/oauth/oauth-input.ts';
import { presetOf } from '../relay/presets.ts';
import { isSecretAccessKey, isSesPassword, sesPassword, sesRegionOf } from '../relay/ses-password.ts';
import type { Upstream } from '../relay/upstream.ts';
import { keepsPassword, type UpstreamOptions } from '../relay/upstream-input.ts';
import { apiOf, isSmtp } from '../relay/upstream-scheme.ts';
import type { UpstreamAddress } from '../relay/upstream-url.ts';
import { type Call, failed, misused, type Option, type Result } from './command.ts';
import { askSecret, givenSecret, type Secret, secretOptionsFor } from './secret-input.ts';
import { oauthOptions, oauthWishes } from './upstream-oauth-options.ts';

export const loginOptions: readonly Option[] = [
  ...secretOptionsFor('password'),
  ...secretOptionsFor('iam-secret'),
  ...oauthOptions,
];

export type Login = Pick<UpstreamOptions, 'oauth' | 'clientSecret'> &
  Readonly<{
    password?: string;
    /** The region was for making the password, and is not to be kept. */
    usedRegion?: true;
  }>;

export type LoginPlace = Readonly<{
  name: string;
  address: UpstreamAddress;
  preset: string | null;
  region: string | null;
  /** Null: it is new. */
  before: Upstream | null;
  /** Whether another place than before is given. */
  moved: boolean;
}>;

/** Empty where nothing is said of it, or there is nothing to log in with. */
export async function loginFor(call: Call, place: LoginPlace): Promise<Login | Result> {
  const words = ['password', 'iam-secret', 'oauth-client-secret'];
  if (words.filter(word => call.has(`${word}-stdin`)).length > 1) {
    return misused('Standard input can give one secret: read the others with the options that end in -file.');
  }
  const read = oauthWishes(call);
  if ('kind' in read) return read;
  const { wishes } = read;
  const secret = await givenSecret(call, {
    prompt: `OAuth2 client secret for ${place.name}`,
    twice: false,
    word: 'oauth-client-secret',
  });
  if (secret !== null && secret.kind !== 'given') return trouble(secret);
  const password = await passwordFrom(call, place);
  if (password !== null && 'kind' in password) return password;
  const saysOAuth = Object.keys(wishes).length > 0 || secret !== null;
  if (saysOAuth && password !== null) {
    return misused(
      'Give a password or the options of OAuth2, not both: the upstream logs in with one of them.',
    );
  }
  if (saysOAuth || (password === null && wantsOAuth(place))) {
    return oauthFor(call, place, { wishes, secret: secret?.secret ?? null });
  }
  if (password !== null) return password;
  return wantsPassword(place) ? asked(call, place) : {};
}

/** OAuth2 is all that is taken there; or it was set up, and only where it is used has changed. */
function wantsOAuth(place: LoginPlace): boolean {
  const { address, before, moved, preset } = place;
  const api = sendingApiOf(address.scheme);
  if (before !== null && !moved) return false;
  if (api !== null) return api.authentication.kind === 'token';
  if (before !== null) return before.oauth !== null;
  return preset !== null && presetOf({ ...address, preset })?.secret === null;
}

function wantsPassword({ address, preset, before, moved }: LoginPlace): boolean {
  const isKey = !isSmtp(address.scheme);
  if (before === null) return isKey || address.user !== null;
  if (!moved) return false;
  const isLost = before.sealedPassword !== null && !keepsPassword(before, { ...address, preset }, null);
  return isKey ? apiOf(address.scheme) !== apiOf(before.scheme) : isLost && address.user !== null;
}

async function asked(call: Call, { name, address }: LoginPlace): Promise<Login | Result> {
  const what = isSmtp(address.scheme)
    ? 'Password'
    : `${apiOf(address.scheme) === 'ses' ? 'Secret access key' : 'API key'}`;
  const secret = await askSecret(call.terminal, { prompt: `${what} for ${name}`, twice: false });
  return secret.kind === 'given' ? { password: secret.secret } : trouble(secret);
}

/** Null: none is given. */
async function passwordFrom(call: Call, place: LoginPlace): Promise<Login | Result | null> {
  const { name, address } = place;
  const password = await givenSecret(call, { prompt: `Password for ${name}`, twice: false });
  const iam = await givenSecret(call, {
    prompt: `Secret access key for ${name}`,
    twice: false,
    word: 'iam-secret',
  });
  if (password !== null && iam !== null) return misused('Give a password or a secret access key, not both.');
  const given = password ?? iam;
  if (given === null) return null;
  if (given.kind !== 'given') return trouble(given);
  const mistaken = takenForAnother(given.secret, place, { asKey: iam !== null });
  if (mistaken !== null) return failed(mistaken);
  if (iam === null) return { password: given.secret };
  const isApi = apiOf(address.scheme) === 'ses';
  if (isApi) return { password: given.secret };
  const preset = presetOf({ ...address, preset: place.preset });
  const region = place.region ?? sesRegionOf(address.host);
  if (!isSmtp(address.scheme) || (preset?.key !== 'ses' && region === null)) {
    return failed('A secret access key is for Amazon SES alone: give --password-stdin, or --region with it.');
  }
  if (region === null)
    return misused('--region is missing: the password that Amazon SES takes is made for one region.');
  return {
    password: sesPassword(given.secret, region),
    ...(place.region === null ? {} : { usedRegion: true }),
  };
}

/** Amazon has two secrets for the same access key, which look alike to people. Null: it is the one that is meant. */
function takenForAnother(
  secret: string,
  { address: { scheme, host } }: LoginPlace,
  { asKey }: Readonly<{ asKey: boolean }>,
): string | null {
  const wantsKey = asKey || apiOf(scheme) === 'ses';
  if (wantsKey && isSesPassword(secret)) {
    return isSmtp(scheme)
      ? 'This is an SMTP password already (44 characters), not a secret access key (40): give it with --password-stdin, --password-file or --password-prompt.'
      : 'This is a password for SMTP (44 characters); the API of Amazon SES wants the secret access key (40 characters).';
  }
  if (wantsKey || sesRegionOf(host) === null || !isSecretAccessKey(secret)) return null;
  return 'This looks like a secret access key (40 characters), which Amazon SES does not take over SMTP: give it with --iam-secret-stdin, --iam-secret-file or --iam-secret-prompt, and Postern makes the password of it.';
}

async function oauthFor(
  call: Call,
  place: LoginPlace,
  given: Readonly<{ wishes: OAuthWishes; secret: string | null }>,
): Promise<Login | Result> {
  const { address, preset, before } = place;
  const settingsWith = (secret: string | null) =>
    oauthSettings(given.wishes, {
      place: address,
      presetProvider: presetOf({ ...address, preset })?.oauth ?? null,
      secret,
      before:
        before === null || before.oauth === null
          ? null
          : { settings: before.oauth, place: before, hasSecret: before.sealedClientSecret !== null },
    });
  const result = settingsWith(given.secret);
  if (result.kind === 'refused') return failed(result.text);
  if (result.kind === 'settings') return loginOf(result);
  if (!call.terminal.interactive) return failed(result.text);
  const secret = await askSecret(call.terminal, {
    prompt: `OAuth2 client secret for ${place.name}`,
    twice: false,
    word: 'oauth-client-secret',
  });
  if (secret.kind !== 'given') return trouble(secret);
  const again = settingsWith(secret.secret);
  return again.kind === 'settings' ? loginOf(again) : failed(again.text);
}

function loginOf({
  settings,
  clientSecret,
}: Extract<ReturnType<typeof oauthSettings>, { kind: 'settings' }>): Login {
  return { oauth: settings, ...(clientSecret === undefined ? {} : { clientSecret }) };
}

function trouble(secret: Exclude<Secret, { kind: 'given' }>): Result {
  return secret.kind === 'failed' ? failed(secret.text) : misused(secret.text);
}
