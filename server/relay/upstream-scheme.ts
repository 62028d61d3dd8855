// The schemes of an upstream's URL: how we speak to it, and how the connection is protected. Pure.

/** TLS from the first octet, STARTTLS required, or none at all. */
export type SmtpScheme = 'smtps' | 'smtp+starttls' | 'smtp+notls';

/** Sending APIs, each described in relay/apis/. */
export type ApiName = 'graph' | 'gmail' | 'ses' | 'mailgun' | 'smtp2go' | 'sparkpost';

/** `+http` only on this machine: tokens and keys go there. */
export type ApiScheme = `${ApiName}+https` | `${ApiName}+http`;

export type UpstreamScheme = SmtpScheme | ApiScheme;

const SMTP_SCHEMES: readonly SmtpScheme[] = ['smtps', 'smtp+starttls', 'smtp+notls'];

export const API_NAMES: readonly ApiName[] = ['graph', 'gmail', 'ses', 'mailgun', 'smtp2go', 'sparkpost'];

export const SCHEMES: readonly UpstreamScheme[] = [
  ...SMTP_SCHEMES,
  ...API_NAMES.flatMap(name => [`${name}+https`, `${name}+http`] as const),
];

/** Null: it speaks SMTP. */
export function apiOf(scheme: UpstreamScheme): ApiName | null {
  return API_NAMES.find(name => scheme === `${name}+https` || scheme === `${name}+http`) ?? null;
}

export function isSmtp(scheme: UpstreamScheme): scheme is SmtpScheme {
  return apiOf(scheme) === null;
}
