// What a declaration says of an upstream: the options of `postern upstream add`, with _ for -, those of OAuth2 in a section of
// their own. What is absent is as a new upstream has it, from the preset of its provider; only secrets and consents stay. Pure.

import {
  count,
  keys,
  type OutputOf,
  oneOf,
  optionalKey,
  optionalSection,
  requiredKey,
  text,
  texts,
  yesOrNo,
} from '../config/shape.ts';
import { countOrNone, moment, secretText, sizeOrNone, someText } from './kinds.ts';

const url = text('a URL such as https://login.example.com/token');

const consentSection = optionalSection(
  {
    refresh_token: requiredKey(secretText, 'The token that somebody has consented to.', { secret: true }),
    consented_at: requiredKey(moment, 'When that was. A consent that is stored and not older stays.'),
    refreshed_at: optionalKey(moment, '2027-01-31T18:00:00Z', 'When the token was last used.'),
    ends_at: optionalKey(moment, '2027-04-30T18:00:00Z', 'When the consent ends, where that is known.'),
  },
  'What a person has consented to at another Postern, as `postern export --with-secrets` writes it. Use the token at one place only: many providers end a consent of which an old token is shown.',
);

const oauthSection = optionalSection(
  {
    provider: optionalKey(
      oneOf(['google', 'microsoft', 'other']),
      'microsoft',
      'Whose OAuth2 (default: as the host or preset says).',
    ),
    flow: optionalKey(
      oneOf(['authorization-code', 'device-code', 'client-credentials', 'service-account']),
      'device-code',
      'How to come to tokens (default: what is easiest at its provider).',
    ),
    client_id: optionalKey(
      someText,
      '4b1c1d3e-0000-4000-8000-000000000000',
      'The client that Postern is there. Of a service account it stands in its key file.',
    ),
    client_secret: optionalKey(
      secretText,
      '{ file: secrets/client }',
      "Its secret. Absent: it stays; '' takes it away.",
      { secret: true },
    ),
    client_secret_ends: optionalKey(
      text('a day such as 2027-06-30, or none'),
      '2027-06-30',
      'The day on which the client secret ends: you are told before.',
    ),
    service_account: optionalKey(
      secretText,
      '{ file: secrets/service-account.json }',
      'The key file (JSON) of a Google service account. Absent: it stays.',
      { secret: true },
    ),
    tenant: optionalKey(
      text('an id, a domain, or common, organizations, consumers'),
      'example.com',
      'Of Microsoft (default: common).',
    ),
    authorization_endpoint: optionalKey(
      url,
      'https://login.example.com/authorize',
      'Of another provider: where a person consents.',
    ),
    device_endpoint: optionalKey(
      url,
      'https://login.example.com/device',
      'Of another provider: where device codes come from.',
    ),
    token_endpoint: optionalKey(
      url,
      'https://login.example.com/token',
      'Of another provider: where tokens come from.',
    ),
    scopes: optionalKey(
      texts('a list of scopes'),
      '[smtp, offline_access]',
      'What to ask the right for (default: to send mail).',
    ),
    client_authentication: optionalKey(
      oneOf(['none', 'post', 'basic']),
      'basic',
      'How the client proves itself (default: post with a secret, else none).',
    ),
    redirect_uri: optionalKey(
      url,
      'http://127.0.0.1:8765',
      'Where the browser is sent after the consent (default: a free port of this machine).',
    ),
    testing: optionalKey(
      yesOrNo,
      'true',
      "Google's consent screen is in testing: a consent ends after 7 days (default: false).",
    ),
    consent: consentSection,
  },
  'Log in with OAuth2 (config/oauth.md). Without this section a password is used, or none.',
);

export const upstreamKeys = keys({
  name: requiredKey(someText, 'An upstream is known by it, letter case aside.'),
  url: optionalKey(
    text(
      'a URL such as smtp+starttls://USER@HOST:PORT, smtps://…, or of a sending API such as graph+https://USER@HOST',
    ),
    'smtp+starttls://me@example.com@smtp.example.com:587',
    'Where it is. Instead of it: `preset`, with `user`, `region` and `host` as the preset needs them.',
  ),
  preset: optionalKey(
    text('the key of a preset from "postern upstream presets"'),
    'gmail',
    'The provider. Beside a URL: whose usual limits it gets.',
  ),
  user: optionalKey(someText, 'me@gmail.com', 'The user name there, with `preset` and without `url`.'),
  region: optionalKey(
    someText,
    'eu-central-1',
    'The region, where the preset has any; also of Amazon SES with `url`.',
  ),
  host: optionalKey(someText, 'smtp.example.com:465', 'Instead of the host of the preset.'),
  password: optionalKey(
    secretText,
    '{ env: RELAY_PASSWORD }',
    'Its password, API key or secret access key. Absent: it stays.',
    { secret: true },
  ),
  iam_secret: optionalKey(
    secretText,
    '{ file: secrets/iam }',
    'Instead of the password: the secret access key from which Amazon SES over SMTP derives it, for `region`.',
    { secret: true },
  ),
  oauth: oauthSection,
  ca: optionalKey(
    text('certificates in PEM form, or { file: PATH }'),
    '{ file: relay-ca.pem }',
    'Trust only these certificates (default: the public authorities).',
  ),
  ehlo_name: optionalKey(someText, 'mail.example.com', 'The name to give in EHLO (default: the host name).'),
  connections: optionalKey(
    count(1, 100),
    '3',
    'Deliveries at the same time (default: 3, or as its provider allows).',
  ),
  per_connection: optionalKey(
    countOrNone,
    '100',
    'Messages over one connection (default, as for all limits: as its provider allows, or none).',
  ),
  per_minute: optionalKey(countOrNone, '30', 'Messages in any minute, spread over it.'),
  per_hour: optionalKey(countOrNone, '200', 'Messages in any hour.'),
  per_day: optionalKey(countOrNone, '2000', 'Messages in any 24 hours.'),
  max_size: optionalKey(sizeOrNone, '25M', 'Its largest message (default: what it announces).'),
  sender: optionalKey(
    someText,
    'scan+{account}@example.com',
    'The address that it lets us send as; {account} stands for the name of the account.',
  ),
  senders: optionalKey(
    texts('a list of addresses and domains such as [scan@example.com, "@example.net"]'),
    "['@example.com']",
    'Whom it lets us send as besides.',
  ),
  rewrite: optionalKey(
    oneOf(['keep', 'if-not-permitted', 'always']),
    'always',
    'Whether other senders become `sender` there (default: keep).',
  ),
  null_sender: optionalKey(
    oneOf(['keep', 'replace']),
    'replace',
    'What becomes of the sender <> there (default: keep).',
  ),
  display_name: optionalKey(
    oneOf(['keep', 'without-at']),
    'without-at',
    'Whether names of senders may contain an @ there (default: keep, or as its provider wants).',
  ),
  allow_plaintext: optionalKey(yesOrNo, 'true', 'Lets smtp+notls:// leave this machine.'),
  default: optionalKey(
    yesOrNo,
    'true',
    'Takes what no route fits. Where no upstream says so, the one that is it now stays it, else the first of the file becomes it.',
  ),
  paused: optionalKey(yesOrNo, 'true', 'Sends nothing there; its mail waits (default: false).'),
});

export type DeclaredUpstream = OutputOf<typeof upstreamKeys>;
export type DeclaredOAuth = NonNullable<DeclaredUpstream['oauth']>;
export type DeclaredConsent = NonNullable<DeclaredOAuth['consent']>;
