// Every key of the configuration, said once: types, defaults, checks, JSON schema, example and reference come from here.
// Only what must be known before the database opens; accounts and upstreams live in the database and change live.
// What keys exclude each other stands in combinations.ts.

import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import {
  count,
  describeSchema,
  diskReserve,
  duration,
  hostName,
  ipAddress,
  jsonSchemaOf,
  type KeyDescription,
  key,
  keys,
  listenAddress,
  listOf,
  names,
  networks,
  type OutputOf,
  oneOf,
  optionalKey,
  type Parsed,
  parseWith,
  path,
  requiredKey,
  type SectionDescription,
  section,
  size,
  someNetworks,
  someOf,
  writeWith,
  yesOrNo,
} from './shape.ts';
import { NEAR_NETWORKS } from './values.ts';

const listener = keys({
  port: requiredKey(
    count(0, 65_535),
    'TCP port. 587 and 465 are what devices expect; 0 takes any free port, for tests.',
  ),
  address: key(
    ipAddress,
    '::',
    'Address to listen on. `::` is every address, IPv4 and IPv6; `0.0.0.0` is every IPv4 address.',
  ),
  tls: requiredKey(
    oneOf(['starttls', 'implicit']),
    'When TLS begins: after the STARTTLS command (port 587), or at once (port 465; many devices call it "SSL").',
  ),
  mechanisms: key(
    someOf(MECHANISM_NAMES),
    [...MECHANISM_NAMES],
    'The mechanisms offered here. Fewer where a device chooses one that it does badly; an account can be narrowed too.',
  ),
});

const tls = section(
  {
    certificate: optionalKey(
      path,
      '/etc/postern/fullchain.pem',
      'Your own certificate chain (PEM) instead of the one that Postern makes; reloaded when the file changes. Needs `tls.key`.',
    ),
    key: optionalKey(path, '/etc/postern/privkey.pem', 'The private key (PEM) of `tls.certificate`.'),
    names: key(
      names,
      [],
      'Further host names and addresses in the certificate that Postern makes, such as the name that your router gives it.',
    ),
  },
  'Certificates. Without one of your own, Postern makes a local CA and signs with it.',
);

const storage = section(
  {
    path: key(
      path,
      './data',
      'The data folder: database, spool, keys. It must be on a local disk. A relative path counts from the folder that Postern is started in. `--data DIR` and `POSTERN_DATA_DIR` override it.',
    ),
    allow_unsafe_filesystem: key(
      yesOrNo,
      false,
      'Runs even on a network or other file system that may lose synced data or locks. Accepted mail can then be lost.',
    ),
  },
  'Where everything is kept.',
);

const limits = section(
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

const queue = section(
  {
    retry_min: key(
      duration('1s', '1d'),
      '1m',
      'The wait after the first deferral; it doubles with each further one.',
    ),
    retry_max: key(duration('1s', '7d'), '1h', 'The longest wait between two tries.'),
    expiry: key(
      duration('1s', '365d'),
      '4d',
      'When a recipient is given up. Only time in which an upstream was usable counts: an outage expires nothing.',
    ),
    alert_after: key(duration('1m', '365d'), '4h', 'You are alerted when mail has waited this long.'),
    retention: key(
      duration('0s', '3650d'),
      '30d',
      'How long the record of a relayed message is kept for `postern queue`, after its content was removed.',
    ),
    max_received: key(
      count(5, 1000),
      50,
      'The Received headers above which a message is refused as a mail loop.',
    ),
  },
  'How long mail is tried and remembered.',
);

const schema = keys({
  hostname: optionalKey(
    hostName,
    'postern.home.arpa',
    'The name of this server in its greeting, in EHLO, Received and certificates. Without it the name of the machine is taken at the first start, and kept.',
  ),
  listeners: key(
    listOf(listener, 'a list with at least one listener, each with port, tls and maybe address'),
    [
      { port: 587, address: '::', tls: 'starttls' },
      { port: 465, address: '::', tls: 'implicit' },
    ],
    'Where devices submit their mail.',
  ),
  tls,
  storage,
  admin: section(
    {
      listen: key(
        listenAddress,
        '127.0.0.1:8025',
        "HTTP for the operator: health (`/healthz`, `/readyz`) and the CA certificate (`/ca.crt`). An empty text (`''`) switches it off.",
      ),
    },
    'HTTP for the operator.',
  ),
  public: section(
    {
      listen: key(
        listenAddress,
        '',
        'HTTP for devices: only the CA certificate (`/ca.crt`, `/ca.der`). Off by default.',
      ),
    },
    'HTTP for devices.',
  ),
  limits,
  queue,
  received: section(
    {
      client_address: key(
        oneOf(['show', 'hide']),
        'show',
        "Whether the Received header names the device's address. `hide` keeps the addresses of your network private.",
      ),
    },
    'The Received header that Postern adds.',
  ),
  log: section(
    {
      level: key(
        oneOf(['debug', 'info', 'warn', 'error']),
        'info',
        'The least important events that are logged. `debug` shows every session and command.',
      ),
      format: key(
        oneOf(['auto', 'json', 'text']),
        'auto',
        'One JSON object per line, or readable text; `auto` is text on a terminal and JSON elsewhere.',
      ),
      audit_retention: key(duration('1d', '3650d'), '365d', 'How long `postern audit list` remembers.'),
    },
    'Events on standard output.',
  ),
});

/** Sizes in octets, durations in milliseconds; `listen` is null when off. */
export type Config = OutputOf<typeof schema>;

/** The configuration with its defaults filled in, or everything that does not fit. */
export function parseConfig(input: unknown): Parsed<Config> {
  return parseWith(schema, input);
}

/** The configuration as one would write it in the file: `50 MiB`, `5m`. */
export function writeConfig(config: Config): object {
  return writeWith(schema, config);
}

/** Every section and key, in the order of the file. */
export function describeConfig(): readonly (KeyDescription | SectionDescription)[] {
  return describeSchema(schema);
}

export function configJsonSchema(): object {
  return jsonSchemaOf(schema);
}
