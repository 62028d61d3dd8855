// What a declaration says of routes, of rules for local recipients, and of alert channels: the options of the commands, with _
// for -. Pure.

import { keys, type OutputOf, oneOf, optionalKey, requiredKey, text, texts } from '../config/shape.ts';
import { secretText, sizeOrNone, someText } from './kinds.ts';

const patterns = texts('a list of addresses and domains such as [scan@example.com, "@example.net"]');

export const routeKeys = keys({
  name: requiredKey(someText, 'A route is known by it, letter case aside.'),
  accounts: optionalKey(
    texts('a list of names of accounts'),
    '[scanner]',
    'Only mail of these accounts (default, as for all conditions: any mail).',
  ),
  senders: optionalKey(
    patterns,
    "['@example.com', <>]",
    'Only mail from these senders; <> is mail from nobody.',
  ),
  recipients: optionalKey(patterns, "['@example.com']", 'Only these recipients.'),
  larger_than: optionalKey(sizeOrNone, '10M', 'Only larger messages.'),
  up_to: optionalKey(sizeOrNone, '10M', 'Only messages of at most this size.'),
  upstreams: requiredKey(
    texts('a list of names of upstreams'),
    'The upstreams, in the order in which they are tried.',
  ),
});

export type DeclaredRoute = OutputOf<typeof routeKeys>;

export const recipientKeys = keys({
  pattern: requiredKey(
    text('a name (root, or "*" for every one), alone or with a domain: root@localhost, "*@localdomain"'),
    'The local recipients.',
  ),
  forward_path: requiredKey(text('an address'), 'Where their mail goes.'),
});

export type DeclaredRecipient = OutputOf<typeof recipientKeys>;

export const channelKeys = keys({
  name: requiredKey(someText, 'An alert channel is known by it, letter case aside.'),
  kind: requiredKey(oneOf(['webhook', 'ntfy', 'email']), 'The way that alerts take.'),
  url: optionalKey(
    secretText,
    '{ env: ALERTS_URL }',
    'Of a webhook, and of ntfy with the topic. It is as good as a password. Absent: it stays.',
    { secret: true },
  ),
  secret: optionalKey(
    secretText,
    '{ env: ALERTS_SECRET }',
    'Of a webhook: the key with which each message is signed. Absent: it stays.',
    { secret: true },
  ),
  token: optionalKey(
    secretText,
    '{ env: NTFY_TOKEN }',
    "Of ntfy, where the topic is not open. Absent: it stays, unless the URL names another server; '' takes it away.",
    { secret: true },
  ),
  to: optionalKey(text('an address'), 'anna@example.com', 'Of e-mail: where it goes. Absent: it stays.'),
  from: optionalKey(
    text('an address'),
    'postern@example.com',
    'Of e-mail: its sender (default: the address that it goes to).',
  ),
  detail: optionalKey(
    oneOf(['full', 'minimal']),
    'full',
    'With names, addresses and reasons, or only what happened (default: full for e-mail, minimal else).',
  ),
});

export type DeclaredChannel = OutputOf<typeof channelKeys>;
