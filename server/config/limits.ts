// The keys of `limits`: what clients may use, and who is kept out. Each says its reason, because the reference and the example
// are made of these words.

import { count, diskReserve, duration, key, networks, section, size, someNetworks } from './shape.ts';
import { NEAR_NETWORKS } from './values.ts';

export const limits = section(
  {
    message_size: key(
      size('64 KiB', '2 GiB'),
      '50 MiB',
      'The largest message, announced as SIZE; a larger one gets 552 5.3.4. Most providers take 25 to 50 MiB, and attachments grow by a third on the way.',
    ),
    recipients: key(
      count(1, 100_000),
      1000,
      'The most recipients of one message; further ones get 452 4.5.3, and the client sends them in another message.',
    ),
    connections: key(
      count(1, 100_000),
      2000,
      'The most open connections in total; further ones get 421. Bounds memory. Clients from where nobody has ever logged in may take four fifths of them at most: whatever they do, the devices that work get in.',
    ),
    connections_per_address: key(
      count(1, 100_000),
      1000,
      'The most open connections from one address, so that a broken device leaves room for the others. Behind NAT or a container network many devices share one address. IPv6 outside your own networks counts by its /64, here and in bans.',
    ),
    connections_per_account: key(
      count(1, 100_000),
      200,
      'The most open connections that are logged in with one account; a further login gets 454. One device that forgets to close its connections must not take those of all.',
    ),
    networks: key(
      someNetworks,
      [...NEAR_NETWORKS],
      'Who is served at all; others get 554 and you an alert. A list given here stands instead of the default, so write all of it to add to it: `[loopback, private, link-local, unique-local, shared, on-link, 203.0.113.0/24]`. The words: `private` is 10/8, 172.16/12 and 192.168/16, `unique-local` fc00::/7, `shared` 100.64/10 (Tailscale, carriers), `on-link` whatever this machine is directly connected to, `any` everybody. A submission server that the internet can reach is guessed at day and night.',
    ),
    failed_logins: key(
      count(1, 100),
      5,
      'The failed logins on one connection after which it is closed with 421.',
    ),
    ban_after: key(
      count(2, 10_000),
      20,
      'The different failed logins with one account name from one address, within `ban_window`, after which that pair is banned. The same wrong password counts once: a device that was not told of the new password does not ban itself. By CRAM-MD5 and SCRAM no attempt looks like another, so each counts; where that account has logged in within the last month, such a ban lasts a minute at most.',
    ),
    ban_address_after: key(
      count(2, 10_000),
      50,
      'The different failed logins from one address, whatever the names, after which the whole address is banned. Not where several accounts have logged in lately: there many devices share the address.',
    ),
    account_failures: key(
      count(2, 100_000),
      100,
      'The different failed logins with one account name from all addresses together, within `ban_window`, after which only addresses that it has lately logged in from may use it. Stops guessing from many addresses.',
    ),
    ban_window: key(duration('10s', '1d'), '10m', 'The time in which failed logins are counted.'),
    ban_time: key(
      duration('1s', '7d'),
      '5m',
      'How long the first ban lasts; each further one of the same address takes four times as long.',
    ),
    ban_longest: key(duration('1s', '365d'), '1d', 'The longest ban.'),
    never_banned: key(
      networks,
      [],
      'Networks and addresses that are never banned, only slowed down. Loopback is always among them.',
    ),
    credential_age: key(
      duration('0s', '3650d'),
      '90d',
      'The age of a password at which you are alerted; 0 is never.',
    ),
    commands: key(
      count(10, 1_000_000),
      5000,
      'The commands on one connection without a message being accepted, after which it is closed with 421. Bounds what a client that does nothing useful costs.',
    ),
    commands_before_login: key(
      count(5, 100_000),
      100,
      'The commands without a login after which a connection is closed: enough for every probe, too few to keep the server busy.',
    ),
    wrong_commands: key(
      count(1, 10_000),
      20,
      'The refused commands in a row, of any kind, after which a connection is closed. Ends clients that are out of step.',
    ),
    unknown_commands: key(
      count(1, 10_000),
      10,
      'The unknown commands on one connection after which it is closed: what sends them is no mail client.',
    ),
    command_line: key(
      size('512', '64 KiB'),
      '4 KiB',
      'The longest command line; longer ones get 500. RFC 5321 says 512 octets, parameters and long addresses need more. AUTH lines may always have 12 288 octets (RFC 4954).',
    ),
    login_timeout: key(
      duration('1s', '1h'),
      '2m',
      'The time from connecting to the login; a client without one by then is disconnected.',
    ),
    idle_timeout: key(
      duration('1s', '1d'),
      '5m',
      'The time without a whole command after which a client is disconnected. RFC 5321 §4.5.3.2.7 asks for 5 minutes.',
    ),
    command_timeout: key(
      duration('1s', '1h'),
      '1m',
      'The time from the first octet of a command to the end of its line: ends clients that drip one octet at a time.',
    ),
    data_rate: key(
      size('0', '1 GiB'),
      256,
      'The octets a second that message data must average over half a minute, so that nobody holds a connection for ever by dripping; 0 is no limit.',
    ),
    disk_reserve: key(
      diskReserve,
      'max(256 MiB, 5 %)',
      'What must stay free on the disk of the data folder; below it new mail gets 452 4.3.1 before its data is sent.',
    ),
  },
  'What clients may use.',
);
