// What Microsoft's refusals mean, by the number after AADSTS. Microsoft may renumber them: whatever no row knows is judged by
// the error of OAuth2 alone (refusals-any.ts). Numbers and meanings: learn.microsoft.com, "error codes" of the identity
// platform. Pure.

import { type RefusalPlace, type RefusalRow, setCommand } from './refusal-row.ts';

const PORTAL = 'in the Entra admin centre under "App registrations"';
const NEW_SECRET = '--oauth-client-secret-prompt';

const aadsts = (...numbers: readonly number[]): RegExp => new RegExp(`AADSTS(?:${numbers.join('|')})\\b`);
const tenantOf = ({ settings }: RefusalPlace): string =>
  /microsoftonline\.\w+\/([^/]+)/.exec(settings.tokenEndpoint)?.[1] ?? 'of the settings';

/** A device code is what such policies often block, and a browser passes. */
const byBrowser = ({ upstream, consenting, settings }: RefusalPlace): string =>
  (consenting ?? settings.flow) === 'device-code'
    ? ` Where it is device codes that are blocked (a policy of Microsoft's that is on by default in many tenants), use a browser: \`postern upstream authorize ${upstream} --flow code\`.`
    : '';

const endedRows: readonly RefusalRow[] = [
  {
    said: aadsts(700082),
    kind: 'consent',
    why: 'The consent was not used for 90 days, after which Microsoft ends it. Postern uses it daily while it runs.',
  },
  {
    said: aadsts(50173, 50132, 50133, 50089),
    kind: 'consent',
    why: 'Microsoft has ended the consent: the password was changed or reset, or an administrator revoked the sessions.',
  },
  {
    said: aadsts(70043, 50078),
    kind: 'consent',
    why: 'A conditional access policy ("sign-in frequency") makes everybody sign in again after some time, and that ended the consent.',
    mend: 'Let the administrator exempt this mailbox or app, or use client credentials: else it ends again.',
  },
  {
    said: aadsts(70008, 700084, 70000, 700003),
    when: ({ consenting }) => consenting === null,
    kind: 'consent',
    why: 'Microsoft has ended the consent: it is too old, or somebody withdrew it (account.live.com/consent/Manage, or "My Apps").',
  },
  {
    said: aadsts(50055),
    kind: 'consent',
    why: "The account's password has expired.",
    mend: 'Set a new one.',
  },
];

const permissionRows: readonly RefusalRow[] = [
  {
    said: aadsts(65001, 65004),
    kind: 'consent',
    why: 'Nobody has consented to this app for the mailbox, or not to all that it asks for, or it was withdrawn.',
    mend: ({ settings }) =>
      settings.flow === 'client-credentials'
        ? `An administrator must add the permission and press "Grant admin consent" (${PORTAL}, "API permissions").`
        : '',
  },
  {
    said: aadsts(90094, 90095),
    kind: 'consent',
    why: 'In this tenant only an administrator may consent to the app.',
    mend: `Let one press "Grant admin consent" ${PORTAL}, "API permissions".`,
  },
  {
    said: aadsts(530003, 53000, 53001, 53002, 53003, 53004, 530034, 530035, 530036),
    kind: 'consent',
    why: 'A conditional access policy of the tenant blocks this sign-in (place, device or way of signing in).',
    mend: place =>
      `The "Sign-in logs" in the Entra admin centre name the policy; the administrator must exempt this mailbox or app.${byBrowser(place)}`,
  },
  {
    said: aadsts(50199),
    kind: 'consent',
    why: 'Microsoft wants the person to confirm this sign-in in a browser.',
    mend: byBrowser,
  },
  {
    said: aadsts(50076, 50079, 50074, 50072, 50158),
    kind: 'consent',
    why: 'Microsoft now asks this account for a second factor, which only a person can give.',
  },
  {
    said: aadsts(50126),
    kind: 'consent',
    why: 'The user name or password that was typed at Microsoft is wrong.',
  },
  {
    said: aadsts(50020, 50034, 90072, 50178),
    kind: 'consent',
    why: place => `The account that signed in does not belong to the tenant ${tenantOf(place)}.`,
    mend: place =>
      `Sign in as ${place.user ?? "the upstream's user"}, or set the right tenant: ${setCommand(place, '--oauth-tenant TENANT')} (personal accounts: consumers).`,
  },
  {
    said: aadsts(50053),
    kind: 'credentials',
    why: 'The account is locked at Microsoft after too many failed sign-ins, or this address is blocked.',
    mend: 'It opens again after a while, or the administrator opens it.',
  },
  {
    said: aadsts(50057),
    kind: 'credentials',
    why: 'The account is disabled.',
    mend: 'The administrator can enable it.',
  },
  {
    said: aadsts(50105, 501051),
    kind: 'credentials',
    why: 'The app is only for users that are assigned to it, and this account is not.',
    mend: 'Assign it in the Entra admin centre under "Enterprise applications", "Users and groups", or switch "Assignment required" off.',
  },
];

const clientRows: readonly RefusalRow[] = [
  {
    said: aadsts(7000222),
    kind: 'credentials',
    why: 'The client secret has expired.',
    mend: place =>
      `Make a new one ${PORTAL}, "Certificates & secrets", and give it with ${setCommand(place, `${NEW_SECRET} --oauth-client-secret-ends DATE`)}.`,
  },
  {
    said: aadsts(7000215, 700027),
    kind: 'credentials',
    why: 'The client secret is wrong. It is the value of the secret that counts, not its ID.',
    mend: place =>
      `Make a new one ${PORTAL}, "Certificates & secrets", and give it with ${setCommand(place, NEW_SECRET)}.`,
  },
  {
    said: aadsts(7000218),
    kind: 'credentials',
    why: 'The app does not allow public clients, and Postern has no secret for it.',
    mend: place =>
      `Switch "Allow public client flows" on ${PORTAL}, "Authentication"; or give a secret: ${setCommand(place, `--oauth-client-authentication post ${NEW_SECRET}`)}.`,
  },
  {
    said: aadsts(700025),
    kind: 'credentials',
    why: 'The app is a public client and takes no secret, but Postern sends one.',
    mend: place => `Send none: ${setCommand(place, '--oauth-client-authentication none')}.`,
  },
  {
    said: aadsts(9002327, 9002325, 9002326),
    kind: 'credentials',
    why: 'The redirect address is registered for a "single-page application".',
    mend: `Register http://localhost under "Mobile and desktop applications" instead (${PORTAL}, "Authentication").`,
  },
  {
    said: aadsts(50011, 500113),
    kind: 'credentials',
    why: ({ settings }) => `The redirect address ${settings.redirectUri} is not registered with the app.`,
    mend: `Add it ${PORTAL}, "Authentication", "Mobile and desktop applications".`,
  },
  {
    said: aadsts(700016, 7000112),
    kind: 'credentials',
    why: place =>
      `The tenant ${tenantOf(place)} does not know the client ID ${place.settings.clientId}, or it is disabled there.`,
    mend: place =>
      `Compare both with the overview of the app ${PORTAL}, and set ${setCommand(place, '--oauth-client-id ID')} or ${setCommand(place, '--oauth-tenant TENANT')}.`,
  },
  {
    said: aadsts(90002, 50059, 900023, 90013),
    kind: 'credentials',
    why: place => `There is no tenant ${tenantOf(place)}, or it must be named.`,
    mend: place => `Set it: ${setCommand(place, '--oauth-tenant TENANT')} (its domain or ID).`,
  },
  {
    said: aadsts(50194),
    kind: 'credentials',
    why: 'The app is for one tenant only, and so the tenant must be named.',
    mend: place => `Set it: ${setCommand(place, '--oauth-tenant TENANT')} (its domain or ID).`,
  },
  {
    said: aadsts(9002331, 9002346),
    kind: 'credentials',
    why: 'The app is for personal Microsoft accounts only.',
    mend: place => `Set ${setCommand(place, '--oauth-tenant consumers')}.`,
  },
];

const scopeRows: readonly RefusalRow[] = [
  {
    said: aadsts(500011, 650052, 650057),
    kind: 'credentials',
    why: 'The tenant does not have the service that is asked for (such as Exchange Online), or the app has no permission for it.',
    mend: `Check the licence of the tenant, the tenant of the settings, and the app's "API permissions" ${PORTAL}.`,
  },
  {
    said: aadsts(70011, 650053, 28000, 1002012, 28002, 28003),
    kind: 'credentials',
    why: ({ settings }) => `Microsoft does not know or does not mix the scopes ${settings.scopes.join(' ')}.`,
    mend: place =>
      place.settings.flow === 'client-credentials'
        ? `Client credentials take one scope that ends with /.default: ${setCommand(place, '--oauth-scope https://outlook.office365.com/.default')}.`
        : `For SMTP they are https://outlook.office.com/SMTP.Send offline_access, for Graph https://graph.microsoft.com/Mail.Send offline_access: ${setCommand(place, '--oauth-scope S…')}.`,
  },
  {
    said: aadsts(50196, 90024, 90033, 90055, 90056, 50140),
    kind: 'passing',
    why: 'Microsoft cannot give a token just now.',
  },
];

export const microsoftRows: readonly RefusalRow[] = [
  ...endedRows,
  ...permissionRows,
  ...clientRows,
  ...scopeRows,
];
