// What must be true of an upstream's settings as a whole, however they came about: null, or the sentence that says what is
// wrong with them. Pure but for reading certificates.

import { X509Certificate } from 'node:crypto';
import { sendingApiOf } from './apis/apis.ts';
import type { SendingApi } from './apis/sending-api.ts';
import { checkIdentity } from './identity-input.ts';
import { isAwsRegion, sesRegionOf } from './ses-password.ts';
import { apiOf } from './upstream-scheme.ts';
import type { UpstreamSettings } from './upstream-statements.ts';

const MAX_CONNECTIONS = 100;
/** More than any provider takes, and small enough to count with. */
const MOST_MESSAGES = 100_000_000;

export function settingsProblem(settings: UpstreamSettings): string | null {
  return (
    loginProblem(settings) ??
    clientSecretProblem(settings) ??
    connectionProblem(settings) ??
    pacingProblem(settings) ??
    checkIdentity({ ...settings.identity, user: settings.user })
  );
}

function loginProblem(settings: UpstreamSettings): string | null {
  const { scheme, user, oauth, sealedPassword, region } = settings;
  const api = sendingApiOf(scheme);
  if (api !== null) return apiLoginProblem(api, settings);
  if (region !== null) return 'A region is for Amazon SES alone: leave --region away.';
  if (oauth !== null) {
    if (user !== null) return null;
    return 'A login with OAuth2 needs the user name too, usually the e-mail address: give it in the URL, for example smtp+starttls://USER@HOST.';
  }
  if (user === null || sealedPassword !== null) return null;
  return `The upstream has a user name (${user}) but no password: give one at the prompt or with --password-stdin, or set up OAuth2 with --oauth-client-id.`;
}

function apiLoginProblem(api: SendingApi, settings: UpstreamSettings): string | null {
  const { scheme, user, oauth, sealedPassword, region } = settings;
  if (api.user !== null && user === null) {
    return `The user is missing in the URL: ${api.title} needs ${api.user}. Write ${scheme}://USER@${settings.host}.`;
  }
  if (api.user === null && user !== null) {
    return `${api.title} knows no user name, only a key: leave "${user}@" away in the URL.`;
  }
  if (region !== null && apiOf(scheme) !== 'ses')
    return 'A region is for Amazon SES alone: leave --region away.';
  if (region !== null && !isAwsRegion(region)) {
    return `"${region}" is no region of Amazon: it is written like eu-central-1.`;
  }
  const ofHost = sesRegionOf(settings.host);
  if (region !== null && ofHost !== null && region !== ofHost) {
    return `${settings.host} is in the region ${ofHost}, and not in ${region}: name one of them.`;
  }
  // It stands in the signature's header as it is (IAM API reference, AccessKeyId).
  if (api.authentication.kind === 'aws' && !/^\w{1,128}$/.test(user ?? '')) {
    return `The user in the URL is no id of an access key: ${api.title} needs ${api.user}.`;
  }
  if (api.authentication.kind === 'token') {
    if (oauth !== null) return null;
    return `${api.title} takes only OAuth2: give the client with --oauth-client-id. config/oauth.md says step by step how to make one.`;
  }
  if (oauth !== null) return `${api.title} takes a key, not OAuth2: leave the --oauth options away.`;
  if (sealedPassword !== null) return null;
  const what = api.authentication.kind === 'aws' ? 'secret access key' : 'API key';
  return `The ${what} of ${api.title} is missing: give it at the prompt or with --password-stdin.`;
}

function clientSecretProblem({ oauth, sealedClientSecret }: UpstreamSettings): string | null {
  if (oauth === null || sealedClientSecret !== null) return null;
  if (oauth.flow === 'service-account') {
    return 'The private key of the service account is missing: give its key file with --oauth-service-account-file.';
  }
  if (oauth.flow !== 'client-credentials' && oauth.clientAuthentication === 'none') return null;
  return 'The client secret is missing: give it with --oauth-client-secret-prompt or --oauth-client-secret-stdin.';
}

function connectionProblem({ caPem, ehloName, connections }: UpstreamSettings): string | null {
  if (caPem !== null && !isCertificate(caPem)) {
    return 'The CA file is not a certificate in PEM form: it must contain "-----BEGIN CERTIFICATE-----".';
  }
  if (ehloName !== null && !/^[A-Za-z0-9._:[\]-]{1,255}$/.test(ehloName)) {
    return `"${ehloName}" cannot be an EHLO name: use a host name, or an address in brackets such as [192.0.2.1].`;
  }
  if (Number.isInteger(connections) && connections >= 1 && connections <= MAX_CONNECTIONS) return null;
  return `The number of connections must be from 1 to ${MAX_CONNECTIONS}.`;
}

function pacingProblem({ pacing, messageSize }: UpstreamSettings): string | null {
  const isCount = (limit: number | null) =>
    limit === null || (Number.isInteger(limit) && limit > 0 && limit <= MOST_MESSAGES);
  if (!Object.values(pacing).every(isCount)) {
    return `A limit of messages must be a whole number from 1 to ${MOST_MESSAGES}, or none; to stop an upstream, pause it.`;
  }
  if (messageSize === null || (Number.isSafeInteger(messageSize) && messageSize > 0)) return null;
  return 'The largest message must be one octet or more; to stop an upstream, pause it.';
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}
