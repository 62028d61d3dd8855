// What Google's refusals mean: of consents, of clients, of service accounts. Its texts are few and say little, so age and
// settings of the consent decide what is most likely. Pure.

import type { DurationMs } from '../../clock.ts';
import { type RefusalPlace, type RefusalRow, setCommand } from './refusal-row.ts';

const DAY: DurationMs = 86_400_000;
/** A refresh token of an app in testing ends after seven days. */
const TESTING_LIFE = 7 * DAY;
const IDLE_LIFE = 180 * DAY;

const PUBLISH =
  'Publish the app in the Google Cloud console ("Google Auth Platform", "Audience", "Publish app"; it need not be verified for your own use), and only then authorise again: consents given before end all the same.';

const isService = ({ settings }: RefusalPlace) => settings.flow === 'service-account';

/** Said to be in testing, or it ended when consents to such apps do. */
function isTestingOver({ settings, age }: RefusalPlace): boolean {
  if (age === null) return false;
  return settings.testing
    ? age > TESTING_LIFE - DAY
    : age > TESTING_LIFE - DAY / 2 && age < TESTING_LIFE + DAY;
}

const serviceAccountRows: readonly RefusalRow[] = [
  {
    said: /invalid jwt signature|no valid verifier|robot is disabled|account not found/i,
    when: isService,
    kind: 'credentials',
    why: ({ settings }) =>
      `Google does not know the key with which Postern signs for ${settings.clientId}: key or service account were deleted or disabled, or another key was given.`,
    mend: place =>
      `Make a new JSON key for the service account in the Google Cloud console, and give it with ${setCommand(place, '--oauth-service-account-file FILE')}.`,
  },
  {
    said: /short-lived token|reasonable timeframe|check your iat|token used too (early|late)/i,
    when: isService,
    kind: 'credentials',
    why: 'Google finds the time in our request wrong: the clock of this machine is not right.',
    mend: 'Set the clock, or let a time server do so.',
  },
  {
    said: /invalid email or user id|not a valid email/i,
    when: isService,
    kind: 'credentials',
    why: ({ user }) => `Google Workspace has no user ${user ?? ''}, for whom the service account is to send.`,
    mend: "Check the user name in the upstream's URL: it must be the first address of a user, not an alias or a group.",
  },
  {
    error: /^(unauthorized_client|access_denied)$/,
    when: isService,
    kind: 'credentials',
    why: 'The service account may not act for users of this Workspace: domain-wide delegation is missing, or lacks the scope.',
    mend: ({ settings }) =>
      `In the Google Admin console, under "Security", "API controls", "Domain-wide delegation", add the service account's numeric client ID with the scope ${settings.scopes.join(',')}. It may take some minutes, at most a day.`,
  },
];

const consentRows: readonly RefusalRow[] = [
  {
    said: /invalid_rapt|reauth/i,
    kind: 'consent',
    why: 'The Workspace asks its users to sign in again after some hours ("Google Cloud session control"), and that ended the consent.',
    mend: 'Let the administrator exempt the app (Admin console, "Security", "Google Cloud session control", "Exempt trusted apps"), or use a service account.',
  },
  {
    error: /^invalid_grant$/,
    said: /account has been (deleted|disabled)|user_disabled|deleted/i,
    kind: 'consent',
    why: 'The Google account is disabled or deleted.',
  },
  {
    error: /^invalid_grant$/,
    when: isTestingOver,
    kind: 'consent',
    why: 'The consent ended after seven days, as all consents to an app do whose publishing status at Google is "Testing".',
    mend: PUBLISH,
  },
  {
    error: /^invalid_grant$/,
    when: ({ idle }) => idle !== null && idle > IDLE_LIFE,
    kind: 'consent',
    why: 'The consent was not used for six months, after which Google ends it.',
  },
  {
    error: /^invalid_grant$/,
    when: ({ consenting }) => consenting === null,
    kind: 'consent',
    why: 'Google has ended the consent: the password of the account was changed, somebody withdrew the access (myaccount.google.com/connections), or the account has given more than 100 consents to this client.',
  },
  {
    error: /^admin_policy_enforced$/,
    kind: 'credentials',
    why: 'The administrator of the Workspace does not allow this app.',
    mend: ({ settings }) =>
      `Let the administrator trust the client ID ${settings.clientId} (Admin console, "Security", "API controls", "Manage third-party app access").`,
  },
  {
    error: /^org_internal$/,
    kind: 'consent',
    why: 'The app is for users of its own Workspace only ("Internal"), and the account that signed in is not one of them.',
    mend: 'Sign in with an account of that Workspace, or set the app\'s user type to "External".',
  },
  {
    error: /^access_denied$/,
    said: /verification process|test(er| user)|developer-approved/i,
    kind: 'consent',
    why: 'The app is in testing, and the account that signed in is not one of its test users.',
    mend: `Add the account under "Audience", "Test users", or better: ${PUBLISH}`,
  },
  {
    error: /^disallowed_useragent$/,
    kind: 'consent',
    why: 'Google does not let people sign in from the browser window of an app.',
    mend: 'Open the address in an ordinary browser.',
  },
];

const clientRows: readonly RefusalRow[] = [
  {
    error: /^(deleted|disabled)_client$/,
    kind: 'credentials',
    why: 'The OAuth client was deleted or disabled at Google.',
    mend: place =>
      `Make a new one in the Google Cloud console (type "Desktop app"), and give it with ${setCommand(place, '--oauth-client-id ID --oauth-client-secret-prompt')}.`,
  },
  {
    error: /^(invalid_client|unauthorized_client|invalid_request)$/,
    said: /client.?secret|unauthorized$/i,
    kind: 'credentials',
    why: 'Google does not take the client\'s secret. Also clients of the type "Desktop app" have one, and must show it.',
    mend: place =>
      `Copy it from the Google Cloud console, or make a new one there, and give it with ${setCommand(place, '--oauth-client-secret-prompt')}.`,
  },
  {
    said: /invalid client type/i,
    kind: 'credentials',
    why: 'Google gives no device codes for mail.',
    mend: place => `Use a browser: ${setCommand(place, '--oauth-flow code')}.`,
  },
];

export const googleRows: readonly RefusalRow[] = [...serviceAccountRows, ...consentRows, ...clientRows];
