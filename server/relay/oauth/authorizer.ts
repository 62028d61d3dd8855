// How the operator authorises an upstream: what a conversation (command line, setup, later the page) needs of OAuth2. The
// implementation is oauth-flows.ts; here is its shape, so that conversations know nothing of the protocol. An upstream may be a
// draft that is not stored yet (`postern setup` stores it once it works): its consent is then kept under the draft's id, and
// `Authorized.upstream` is the draft.

import type { EpochMs } from '../../clock.ts';
import type { Upstream } from '../upstream.ts';

/** One line for the operator: what happened, why, what to do. Never a code, token or secret. */
export type AuthorizationRefusal = Readonly<{ kind: 'refused'; text: string }>;

export type Authorized = Readonly<{
  kind: 'authorized';
  /** As it is now; a running server tries it at once. */
  upstream: Upstream;
  /** When the consent ends by itself, where that is known. */
  endsAt: EpochMs | null;
}>;

/** A person opens `url` in a browser, consents, and is sent to the redirect address with a code. */
export type CodeConsent = Readonly<{
  kind: 'code';
  url: string;
  /** Where the browser is sent: `http://127.0.0.1:PORT`. It fails to load there where the browser is on another machine. */
  redirectUri: string;
  /**
   * Whether `text` is the address that the browser was sent to, by the state of this very attempt (also with blanks, line
   * breaks, quotes around it).
   */
  isAnswer: (text: string) => boolean;
  /** `answer`: that whole address, as pasted or as asked for at the redirect address. */
  finish: (answer: string) => Promise<Authorized | AuthorizationRefusal>;
}>;

/** A person opens `address` on any device and types `userCode`. */
export type DeviceConsent = Readonly<{
  kind: 'device';
  userCode: string;
  address: string;
  /** With the code in it, for a QR code; null where the provider gives none. */
  addressWithCode: string | null;
  /** Milliseconds until the code is of no use any more. */
  lifetime: number;
  /** Asks until the person has consented, refused, or the code has ended. Aborted: refused, nothing stored. */
  wait: (signal: AbortSignal) => Promise<Authorized | AuthorizationRefusal>;
}>;

export type Consent = Readonly<{
  consentedAt: EpochMs;
  /** When the refresh token was last used. */
  refreshedAt: EpochMs;
  endsAt: EpochMs | null;
}>;

export type Authorizer = Readonly<{
  /** `port`: where somebody listens on the loopback address for the browser. Without its flow's endpoints: refused. */
  beginCode: (upstream: Upstream, port: number) => Promise<CodeConsent | AuthorizationRefusal>;
  beginDevice: (upstream: Upstream) => Promise<DeviceConsent | AuthorizationRefusal>;
  /** Where nobody need consent (client credentials, service account): gets one token and says how that went. */
  tryClient: (upstream: Upstream) => Promise<Authorized | AuthorizationRefusal>;
  /** Null: nobody has consented yet. */
  consentOf: (upstream: Upstream) => Promise<Consent | null>;
  /** Forgets the consent of a draft that is given up. */
  forget: (upstream: Upstream) => Promise<void>;
}>;
