// What to tell the operator of an upstream of a known provider: what it wants, and where another choice would be better. Said
// when it is added and whenever it is shown. Pure.

import { sendingApiOf } from './apis/apis.ts';
import type { OAuthSettings } from './oauth/oauth-settings.ts';
import type { Preset } from './preset.ts';
import { presetOf } from './presets.ts';
import { sesRegionOf } from './ses-password.ts';
import type { Upstream } from './upstream.ts';
import { isSmtp } from './upstream-scheme.ts';

type Advised = Pick<Upstream, 'scheme' | 'host' | 'user' | 'oauth' | 'ehloName'>;

/** Of Amazon, of access keys that end by themselves. */
const TEMPORARY_KEY = /^ASIA/;

/** What it wants, in sentences. */
export function adviceOf(preset: Preset): readonly string[] {
  return [secretText(preset), ...rulesOf(preset)];
}

/** What of it concerns this upstream. */
export function adviceFor({ user, oauth, scheme }: Advised, preset: Preset): readonly string[] {
  const byPassword = oauth === null && (user !== null || !isSmtp(scheme));
  return byPassword ? adviceOf(preset) : rulesOf(preset);
}

function rulesOf({ senderRule, hints, scheme }: Preset): readonly string[] {
  const api = sendingApiOf(scheme);
  return [senderRule, ...hints, ...(api === null ? [] : [api.lateBounces])];
}

/** What speaks against the choice, in sentences. `hostname`: what we say in EHLO where no other name is set. */
export function warningsFor(upstream: Advised, preset: Preset, hostname: string): readonly string[] {
  const { scheme, host, user, oauth } = upstream;
  const byPassword = isSmtp(scheme) && oauth === null && user !== null;
  return [
    ...(byPassword ? passwordWarnings(preset) : []),
    ...(oauth === null ? [] : oauthWarnings(oauth, preset)),
    ...(host === 'smtp-legacy.office365.com'
      ? ['This host is for devices without TLS 1.2, which Postern has: use smtp.office365.com.']
      : []),
    ...(preset.key === 'google-workspace-relay' ? greetingWarnings(upstream, hostname) : []),
    ...hostWarnings(upstream, preset),
    ...userWarnings(upstream, preset),
  ];
}

function secretText({ secret, oauth }: Preset): string {
  if (secret === null) return 'It takes OAuth2 only; config/oauth.md says step by step how to set it up.';
  return `It takes ${secret}${oauth === null ? '' : '; OAuth2 works too'}.`;
}

function passwordWarnings({ key, provider, secret }: Preset): readonly string[] {
  if (key === 'microsoft365') {
    return [
      'Microsoft switches passwords off for SMTP at the end of December 2026 (an administrator can switch them on again for a while), and new tenants have none: set up OAuth2 as config/oauth.md says.',
    ];
  }
  if (secret !== null) return [];
  return [`${provider} refuses passwords and app passwords: set up OAuth2 as config/oauth.md says.`];
}

function oauthWarnings({ testing }: OAuthSettings, { key, provider }: Preset): readonly string[] {
  if (testing) {
    return [
      'While Google\'s consent screen is in "Testing", each consent ends after seven days: publish it ("In production"), say so with --oauth-published, and authorise again.',
    ];
  }
  if (key !== 'yahoo' && key !== 'aol') return [];
  return [`${provider} gives out no new OAuth2 client ids: an app password is the usual way.`];
}

/** Google's relay answers 421 to "EHLO localhost"; a name without a dot is no better known to anybody. */
function greetingWarnings({ ehloName }: Advised, hostname: string): readonly string[] {
  const name = ehloName ?? hostname;
  if (/\w\.\w/.test(name) && !/^localhost\./i.test(name)) return [];
  return [
    `It hangs up on programs that call themselves "localhost", and "${name}" is no name of a domain either: set one with --ehlo-name, such as postern.example.com.`,
  ];
}

function hostWarnings({ scheme, host }: Advised, preset: Preset): readonly string[] {
  const known = presetOf({ preset: null, host, scheme });
  if (isSmtp(scheme) && known !== null && !preset.hosts.test(host)) {
    return [
      `${host} is a server of ${known.provider}, not of ${preset.provider}: use --preset ${known.key}.`,
    ];
  }
  if (!preset.startTlsOnly || scheme !== 'smtps' || known === null) return [];
  return [`${host} has no port with TLS from the start: use smtp+starttls:// and port ${preset.port}.`];
}

function userWarnings({ user, host }: Advised, { key }: Preset): readonly string[] {
  if (user === null) return [];
  if ((key === 'ses' || key === 'ses-api') && TEMPORARY_KEY.test(user)) {
    return [
      `"${user}" is the id of a temporary access key, which ends within hours and wants a token besides: use the access key of an IAM user (AKIA…).`,
    ];
  }
  if (key === 'ses' && !/^\w+$/.test(user) && sesRegionOf(host) !== null) {
    return [`"${user}" is no id of an access key: those are 20 letters and digits, such as AKIA….`];
  }
  if (!key.startsWith('mailgun-api') || /^[a-z0-9.-]+$/i.test(user)) return [];
  return [`"${user}" is no sending domain: Mailgun's API wants one such as mg.example.com as the user name.`];
}
