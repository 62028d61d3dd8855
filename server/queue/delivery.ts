// The seam between the queue's runner and the relay: the runner asks for capacity, hands over a message, gets outcomes.
// Neither imports the other; main.ts joins them. Pure vocabulary.

import type { Readable } from 'node:stream';
import type { DurationMs } from '../clock.ts';
import type { MessageDsn, RecipientDsn } from '../smtp/dsn-parameters.ts';
import type { Outcome, UpstreamFault } from './outcome.ts';
import type { Routes } from './way.ts';

export type BodyType = '7bit' | '8bitmime';

/**
 * Complete with our header prefix, CRLF line ends, not dot-stuffed: the octets as stored, until the relay writes the
 * senders anew for an upstream (relay/identity-content.ts).
 */
export type Content =
  | Readonly<{ kind: 'octets'; octets: Uint8Array }>
  /** `hash`: SHA-256 that the octets must have, hexadecimal. It is compared while they are sent, before the final dot. */
  | Readonly<{ kind: 'file'; size: number; hash: string; open: () => Readable; header?: ReplacedHeader }>;

/** On the wire `octets` stand for the first `length` octets of the file; size and hash are those of the file as stored. */
export type ReplacedHeader = Readonly<{ length: number; octets: Uint8Array }>;

/** How far a delivery has come; written to the recipient rows so that a crash in `awaiting-reply` is known as ambiguous. */
export type Phase = 'dialling' | 'envelope' | 'body' | 'awaiting-reply';

/** Internal mail (a report, an alert) never begets another. */
export type MessageKind = 'mail' | 'dsn' | 'alert';

export type DeliveryRequest = Readonly<{
  upstreamId: string;
  messageId: string;
  kind: MessageKind;
  /** The name of the account that sent it; null for mail that Postern wrote. */
  account: string | null;
  /** Without angle brackets; empty for the null reverse-path `<>`. */
  reversePath: string;
  forwardPaths: readonly string[];
  bodyType: BodyType;
  /** The reverse-path or the header needs SMTPUTF8 (RFC 6531), and so every recipient; one with such an address needs it besides. */
  smtputf8: boolean;
  /** Octets of the content as it is sent. */
  size: number;
  content: Content;
  /** What the client asked to be told (RFC 3461); `recipients` in the order of `forwardPaths`. Null: nothing. */
  dsn: (MessageDsn & Readonly<{ recipients: readonly RecipientDsn[] }>) | null;
  /** Only over verified TLS, and only to an upstream that promises the same (RFC 8689). */
  requireTls: boolean;
  /** Called as the delivery moves on; must not throw. */
  onPhase: (phase: Phase) => void;
}>;

export type Delivery = Readonly<{
  /** One outcome per forward-path, in the order of the request. */
  outcomes: readonly Outcome[];
  /** Set when the attempt failed for the upstream's reasons; every outcome is then a deferral with reason `upstream`. */
  fault: UpstreamFault | null;
  /** Name of the upstream, for the attempt's record. */
  upstream: string;
  /** True where the upstream was told the wishes of `dsn` (it offers DSN): reports of success are then its business. */
  dsnPassedOn?: boolean;
}>;

/** Where a new attempt may go now. */
export type Capacity = Readonly<{
  upstreamId: string;
  upstream: string;
  /** Deliveries that may start now: 0 while paused or waiting to probe, 1 when a probe is due. */
  free: number;
  /**
   * Whether mail should go here, now or as soon as there is a place. False while it is paused, at fault with no probe
   * due, or a limit of an hour or a day is used up: then the next upstream of the route takes it.
   */
  open: boolean;
  /** The operator's wish: no outage. */
  paused: boolean;
  /** Recipients of a message that it takes at a time; absent: not known, as many as there are. */
  recipients?: number;
}>;

/** What a route's conditions are about. */
export type RoutedFacts = Readonly<{
  /** The account's canonical name; null for mail that Postern wrote. */
  account: string | null;
  /** Empty for the null reverse-path. */
  reversePath: string;
  forwardPath: string;
  /** Octets. */
  size: number;
}>;

export type Routing = Readonly<{
  /** As configured now; always with `DEFAULT_ROUTE`. A route whose upstreams do not exist has an empty list. */
  routes: () => Routes;
  /** The id of the first route whose conditions fit. */
  routeOf: (facts: RoutedFacts) => string;
  /** Conditions, order or upstreams of routes changed: what waits must be routed anew. */
  onChange: (listener: () => void) => void;
}>;

export type Relay = Readonly<{
  routing: Routing;
  /** Every upstream, with its free places. Empty: none is configured. */
  capacity: () => readonly Capacity[];
  /** Never rejects: what goes wrong is an outcome. Takes one place of the upstream's capacity from the call to its end. */
  deliver: (request: DeliveryRequest) => Promise<Delivery>;
  /** Monotonic milliseconds since the start of this process in which the upstream was usable: only this time ages mail. */
  usableTime: (upstreamId: string) => DurationMs;
  /** Calls back when capacity may have risen: a probe is due, an upstream was added, resumed or became free. */
  onCapacity: (listener: () => void) => void;
  /** Lets running deliveries end for at most `grace` milliseconds, then closes every connection. */
  stop: (grace: DurationMs) => Promise<void>;
}>;
