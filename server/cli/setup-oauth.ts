// The questions of `postern setup` about an OAuth2 client, with where to make one. Service accounts and client credentials
// are for `postern upstream add`: whoever has one knows what it is.

import { checkEndpoint } from '../relay/oauth/oauth-addresses.ts';
import type { OAuthWishes } from '../relay/oauth/oauth-choice.ts';
import { isPersonalMicrosoft, tenantIn } from '../relay/oauth/oauth-endpoints.ts';
import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import { apiOf } from '../relay/upstream-scheme.ts';
import type { SetupParts } from './setup-parts.ts';
import type { SetupPlace } from './setup-place.ts';

/** `secret` null: a public client. */
export type OAuthClient = Readonly<{ wishes: OAuthWishes; secret: string | null }>;

const GUIDE = 'config/oauth.md shows each step.';

/** `before`: what was said before, to be changed. */
export async function askClient(
  parts: SetupParts,
  place: SetupPlace,
  before: OAuthSettings | null,
): Promise<OAuthClient | null> {
  const provider = providerOf(place);
  switch (provider) {
    case 'google':
      return askGoogle(parts, before);
    case 'microsoft':
      return askMicrosoft(parts, place, before);
    case 'other':
      return askOther(parts, before);
    default:
      return provider satisfies never;
  }
}

function providerOf({ address, preset }: SetupPlace): 'google' | 'microsoft' | 'other' {
  const api = apiOf(address.scheme);
  if (api === 'gmail') return 'google';
  return api === 'graph' ? 'microsoft' : (preset?.oauth ?? 'other');
}

async function askGoogle({ prompts }: SetupParts, before: OAuthSettings | null): Promise<OAuthClient | null> {
  prompts.tell(
    numbered(`Google wants a client of your own. ${GUIDE}`, [
      'Make a project at https://console.cloud.google.com; in "APIs & Services", enable the Gmail API.',
      'In "Google Auth Platform", name the app; its audience is External (in a Workspace: Internal).',
      'Under Audience, publish it: while it is in "Testing", each consent ends after 7 days.',
      'Under Clients, create one of the type "Desktop app". Copy its id and its secret.',
    ]),
  );
  const clientId = await askId(prompts, 'NUMBER-….apps.googleusercontent.com', before);
  if (clientId === null) return null;
  const secret = await prompts.secret({ message: 'Client secret', check: given });
  if (secret === null) return null;
  const isTesting = await prompts.yes({
    message: 'Is the app still in "Testing"? Then you are reminded before the consent ends.',
    initial: before?.testing ?? false,
  });
  return isTesting === null
    ? null
    : { wishes: { clientId, ...(isTesting ? { testing: true } : {}) }, secret };
}

async function askMicrosoft(
  { prompts }: SetupParts,
  { address }: SetupPlace,
  before: OAuthSettings | null,
): Promise<OAuthClient | null> {
  const right = apiOf(address.scheme) === 'graph' ? 'Mail.Send' : 'SMTP.Send';
  prompts.tell(
    numbered(`Microsoft wants a client of your own. ${GUIDE}`, [
      'At https://entra.microsoft.com, in "App registrations", make a new one; choose whose accounts may use it.',
      'Under Authentication, add the platform "Mobile and desktop applications" with http://localhost, and allow public client flows.',
      `Under API permissions, add the delegated right ${right} of Microsoft Graph.`,
      'From Overview, copy the application (client) id.',
    ]),
  );
  const clientId = await askId(prompts, '00000000-0000-0000-0000-000000000000', before);
  if (clientId === null) return null;
  const tenant = await prompts.line({
    message: 'Tenant (common, organizations, consumers, or yours)',
    initial:
      tenantIn(before?.tokenEndpoint ?? '') ??
      (isPersonalMicrosoft(address.host, address.user) ? 'consumers' : 'common'),
    check: given,
  });
  if (tenant === null) return null;
  const flow = await askFlow(prompts, true, true);
  return flow === null ? null : { wishes: { clientId, tenant, flow }, secret: null };
}

async function askOther({ prompts }: SetupParts, before: OAuthSettings | null): Promise<OAuthClient | null> {
  prompts.tell(
    'The documentation of the provider names its addresses for OAuth2. Leave empty what it has not.',
  );
  const tokenEndpoint = await askEndpoint(prompts, {
    which: 'token endpoint',
    initial: before?.tokenEndpoint,
    optional: false,
  });
  if (tokenEndpoint === null) return null;
  const authorizationEndpoint = await askEndpoint(prompts, {
    which: 'authorization endpoint',
    initial: before?.authorizationEndpoint,
    optional: true,
  });
  if (authorizationEndpoint === null) return null;
  const deviceEndpoint = await askEndpoint(prompts, {
    which: 'device endpoint',
    initial: before?.deviceEndpoint,
    optional: true,
  });
  if (deviceEndpoint === null) return null;
  const scopes = await prompts.line({
    message: 'Scopes for sending mail, with blanks between',
    initial: before?.scopes.join(' ') ?? '',
    check: given,
  });
  if (scopes === null) return null;
  const clientId = await askId(prompts, 'postern', before);
  if (clientId === null) return null;
  const secret = await prompts.secret({ message: 'Client secret; empty: the client has none' });
  if (secret === null) return null;
  const flow = await askFlow(prompts, authorizationEndpoint !== '', deviceEndpoint !== '');
  if (flow === null) return null;
  const endpoints = {
    tokenEndpoint,
    ...(authorizationEndpoint === '' ? {} : { authorizationEndpoint }),
    ...(deviceEndpoint === '' ? {} : { deviceEndpoint }),
  };
  return {
    wishes: { provider: 'other', clientId, scopes, flow, ...endpoints },
    secret: secret === '' ? null : secret,
  };
}

type Prompts = SetupParts['prompts'];

function askId(prompts: Prompts, example: string, before: OAuthSettings | null): Promise<string | null> {
  return prompts.line({ message: 'Client id', example, initial: before?.clientId ?? '', check: given });
}

type Endpoint = Readonly<{ which: string; initial: string | null | undefined; optional: boolean }>;

function askEndpoint(prompts: Prompts, { which, initial, optional }: Endpoint): Promise<string | null> {
  return prompts.line({
    message: `Its ${which}`,
    example: 'https://login.example.com/…',
    initial: initial ?? '',
    check: typed => (typed === '' && optional ? null : checkEndpoint(which, typed)),
  });
}

type Flow = 'device-code' | 'authorization-code';

/** Asks only where there is a choice. */
async function askFlow(prompts: Prompts, hasCode: boolean, hasDevice: boolean): Promise<Flow | null> {
  if (!hasDevice) return 'authorization-code';
  if (!hasCode) return 'device-code';
  return prompts.choose<Flow>({
    message: 'How do you want to agree?',
    choices: [
      {
        value: 'device-code',
        label: 'With a code',
        hint: 'typed on any device; some organisations forbid it',
      },
      { value: 'authorization-code', label: 'In a browser', hint: 'its last address is pasted here' },
    ],
  });
}

function given(typed: string): string | null {
  return typed.trim() === '' ? 'It cannot be empty.' : null;
}

function numbered(title: string, steps: readonly string[]): string {
  return [title, ...steps.map((step, index) => `${index + 1}.  ${step}`)].join('\n');
}
