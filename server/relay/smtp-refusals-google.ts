// What Gmail and the Workspace relay say when they refuse, and what it means. Pure.

import { AUTHORIZE, type KnownRefusal, SET_PASSWORD } from './smtp-refusal-row.ts';

/** The same words for passwords and for tokens. */
const BAD_CREDENTIALS = /BadCredentials|username and password not accepted/i;

export const googleRefusals: readonly KnownRefusal[] = [
  {
    provider: 'Gmail',
    enhanced: /^5\.7\.9$/,
    text: /application-specific password required|InvalidSecondFactor/i,
    means: `Google wants an app password, not the password of the account. Make one at https://myaccount.google.com/apppasswords (2-Step Verification must be on) and set it with ${SET_PASSWORD}.`,
  },
  {
    provider: 'Gmail',
    enhanced: /^5\.7\.14$/,
    means: `Google wants the owner to log in with a browser first, for it found this login unusual. Log in there from the same network and confirm; an app password or OAuth2 (config/oauth.md) avoids it.`,
  },
  {
    provider: 'Gmail',
    stages: ['auth'],
    text: BAD_CREDENTIALS,
    login: 'token',
    means: `Google does not accept the access token: it is of another mailbox than the user name, lacks the scope https://mail.google.com/, or was withdrawn. Check the user name, then authorise Postern once more: ${AUTHORIZE}. With a service account, its domain-wide delegation must allow that scope.`,
  },
  {
    provider: 'Gmail',
    stages: ['auth'],
    text: BAD_CREDENTIALS,
    login: 'password',
    means: `Google does not accept user name and password. It takes only app passwords (16 letters, from https://myaccount.google.com/apppasswords), which end when the account's password changes; the user name is the whole address. Set it with ${SET_PASSWORD}, or use OAuth2 (config/oauth.md).`,
  },
  {
    provider: 'Gmail',
    text: /too many login attempts/i,
    means: 'Google takes no logins from here for a while, since there were too many. It goes on by itself.',
  },
  {
    provider: 'Gmail',
    enhanced: /^5\.4\.5$/,
    text: /daily (user )?sending/i,
    means:
      'The Google account has sent as many messages as it may in a day (500, or 2000 with Workspace). It goes on by itself within 24 hours.',
  },
  {
    provider: 'Google Workspace relay',
    text: /mail relay denied/i,
    means:
      'The Workspace relay takes mail only from your domains, addresses or logins. In the Google Admin console (Apps, Gmail, Routing, SMTP relay service) allow this Internet address or require SMTP authentication; and send as an address of your domain.',
  },
  {
    provider: 'Google Workspace relay',
    text: /daily smtp relay limit/i,
    means: 'The daily limit of the Workspace relay is used up. It goes on by itself within 24 hours.',
  },
  {
    provider: 'Google Workspace relay',
    codes: [421],
    text: /\(EHLO\)|try again later, closing connection/i,
    stages: ['ehlo', 'greeting'],
    means:
      'Google’s relay dislikes the name in EHLO. Give it the full host name: `postern upstream set {upstream} --ehlo-name NAME`.',
  },
];
