// Every key of the configuration, said once: types, defaults, checks, JSON schema, example and reference come from here.
// Only what must be known before the database opens; accounts and upstreams live in the database and change live.
// What keys exclude each other stands in combinations.ts.

import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import { limits } from './limits.ts';
import {
  count,
  describeSchema,
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
  someOf,
  writeWith,
  yesOrNo,
} from './shape.ts';

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
    ballast: key(
      size('0', '10 GiB'),
      '16 MiB',
      'A file in the data folder that is given up when the disk is full, so that mail can still be settled and deleted; it is made again when there is room. 0 is none.',
    ),
    allow_unsafe_filesystem: key(
      yesOrNo,
      false,
      'Runs even on a network or other file system that may lose synced data or locks. Accepted mail can then be lost.',
    ),
  },
  'Where everything is kept.',
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
      'How long finished messages are listed by `postern queue`. Of relayed ones only the record is kept, of failed ones the content too, so that they can be tried again.',
    ),
    keep_content: key(
      yesOrNo,
      false,
      'Whether the content of relayed messages is kept for `retention` too, so that `postern queue resend` and `export` have it. It takes disk, and whoever reads the disk reads the mail.',
    ),
    outage_grace: key(
      duration('1m', '3650d'),
      '30d',
      'How long mail waits for upstreams that cannot be used (login refused, unreachable, quota). It does not age meanwhile; after this time it is held, and you are alerted. It is never bounced for that.',
    ),
    delay_after: key(
      duration('0s', '365d'),
      '4h',
      'The wait after which the sender is told that a message is late; 0 is never. Nothing is said while the upstream is paused or at fault, nor before what waited for it has had time to leave.',
    ),
    ambiguous_wait: key(
      duration('0s', '1d'),
      '10m',
      'The wait before a message is sent again that may have been delivered: the upstream had all of it and did not answer, or Postern ended in the middle.',
    ),
    ambiguous_for: key(
      duration('0s', '30d'),
      '24h',
      'How long such a message is tried only at the upstream that may have it; then the other upstreams of its route may take it.',
    ),
    reports_per_hour: key(
      count(1, 10_000),
      10,
      'The most reports about mail that go to one person within an hour; further ones come together, as a digest.',
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
