// The seam between the queue's runner and the relay: the runner asks for capacity, hands over a message, gets outcomes.
// Neither imports the other; main.ts joins them. Pure vocabulary.

import type { Readable } from 'node:stream';
import type { DurationMs } from '../clock.ts';
import type { Outcome, UpstreamFault } from './outcome.ts';

export type BodyType = '7bit' | '8bitmime';

/** The stored octets, complete with our header prefix, CRLF line ends, not dot-stuffed. */
export type Content =
  | Readonly<{ kind: 'octets'; octets: Uint8Array }>
  /** `hash`: SHA-256 that the octets must have, hexadecimal. It is compared while they are sent, before the final dot. */
  | Readonly<{ kind: 'file'; size: number; hash: string; open: () => Readable }>;

/** How far a delivery has come; written to the recipient rows so that a crash in `awaiting-reply` is known as ambiguous. */
export type Phase = 'dialling' | 'envelope' | 'body' | 'awaiting-reply';

export type DeliveryRequest = Readonly<{
  upstreamId: string;
  messageId: string;
  /** Without angle brackets; empty for the null reverse-path `<>`. */
  reversePath: string;
  forwardPaths: readonly string[];
  bodyType: BodyType;
  /** The reverse-path or the header needs SMTPUTF8 (RFC 6531), and so every recipient; one with such an address needs it besides. */
  smtputf8: boolean;
  /** Octets of the content. */
  size: number;
  content: Content;
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
}>;

/** Where a new attempt may go now. */
export type Capacity = Readonly<{
  upstreamId: string;
  upstream: string;
  /** Deliveries that may start now: 0 while paused or waiting to probe, 1 when a probe is due. */
  free: number;
}>;

export type Relay = Readonly<{
  /** The upstreams that are routed to, with their free places. Empty: no upstream is configured. */
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
