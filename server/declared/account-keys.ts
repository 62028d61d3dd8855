// What a declaration says of an account: the options of `postern account add`, with _ for -. What is absent is as a new account
// has it; only the password stays. Pure.

import { keys, type OutputOf, oneOf, optionalKey, requiredKey, texts, yesOrNo } from '../config/shape.ts';
import { countOrNone, expiry, queueShare, secretText, sizeOrNone, someText } from './kinds.ts';

const patterns = texts('a list of addresses and domains such as [scan@example.com, "@example.net"]');

export const accountKeys = keys({
  name: requiredKey(someText, 'The login name. An account is known by it, letter case aside.'),
  aliases: optionalKey(
    texts('a list of login names such as [scanner2]'),
    '[scanner2]',
    'Further login names: all of them.',
  ),
  enabled: optionalKey(yesOrNo, 'false', 'Whether its logins are accepted (default: true).'),
  password: optionalKey(
    secretText,
    '{ file: secrets/scanner }',
    'Its password. Absent: it stays; a new account needs it, or `password_hash`.',
    { secret: true },
  ),
  password_hash: optionalKey(
    secretText,
    '$argon2id$…',
    'Instead of the password, what Postern keeps of one, as `postern export --with-secrets` writes it. CRAM-MD5 and SCRAM work after the next login by PLAIN or LOGIN.',
    { secret: true },
  ),
  withholds_cram: optionalKey(
    yesOrNo,
    'false',
    'Beside `password_hash`: whether CRAM-MD5 stays off because the password is weak (default: found out at the next login).',
  ),
  allow_weak_derived: optionalKey(
    yesOrNo,
    'true',
    'Beside `password`: lets CRAM-MD5 work with a weak one too, although its stored form is quick to guess from.',
  ),
  sender: optionalKey(
    someText,
    'scanner@example.com',
    'Its own address, for messages that name no sender; always permitted.',
  ),
  senders: optionalKey(
    patterns,
    "[scan@example.com, '@example.net']",
    'Whom it may send as (default: anybody).',
  ),
  other_senders: optionalKey(
    oneOf(['refuse', 'allow']),
    'allow',
    'What becomes of messages with another sender (default: refuse).',
  ),
  recipients: optionalKey(patterns, "['@example.com']", 'Whom it may send to (default: anybody).'),
  networks: optionalKey(
    texts('a list of addresses and networks such as [192.168.1.0/24, "fd00::/8"]'),
    '[192.168.1.0/24]',
    'Where it may log in from (default: any network that is served).',
  ),
  mechanisms: optionalKey(
    texts('a list of mechanisms such as [PLAIN, LOGIN]'),
    '[PLAIN, LOGIN]',
    'The mechanisms that it may log in with (default: any that is offered).',
  ),
  per_minute: optionalKey(countOrNone, '10', 'Messages in any minute (default: none, as for all limits).'),
  per_hour: optionalKey(countOrNone, '100', 'Messages in any hour.'),
  per_day: optionalKey(countOrNone, '500', 'Messages in any 24 hours.'),
  recipients_per_message: optionalKey(countOrNone, '20', 'Recipients of one message.'),
  recipients_per_day: optionalKey(countOrNone, '100', 'Recipients in any 24 hours.'),
  message_size: optionalKey(sizeOrNone, '10M', 'Its largest message.'),
  queue_share: optionalKey(queueShare, '20%', 'What its waiting mail may take.'),
  expires: optionalKey(expiry, '2027-01-31', 'Its last day, or a time (default: never).'),
  owner: optionalKey(someText, 'anna@example.com', 'The address of the person to whom the device belongs.'),
  note: optionalKey(someText, 'printer on the 2nd floor', 'A reminder for yourself.'),
});

export type DeclaredAccount = OutputOf<typeof accountKeys>;
