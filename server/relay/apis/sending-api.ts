// What a sending API is to Postern: a description, as data and pure functions, of the request that hands a message over and
// of what the answers mean. drivers/api-*.ts speak HTTP by it; each API is one file in this folder. Pure.

import type { DurationMs, EpochMs } from '../../clock.ts';
import type { Verdict } from '../classify.ts';

/**
 * A part of a request's body: text as it is (UTF-8), or the message, written in some way without line ends of its own.
 * `json`: escaped for a JSON string, without its quotes.
 */
export type BodyPart = string | Readonly<{ message: 'as-it-is' | 'base64' | 'json' }>;

export type ApiRequest = Readonly<{
  method: 'GET' | 'POST';
  /** After the base path; with its query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: readonly BodyPart[];
}>;

/** What of an upstream its requests depend on. */
export type ApiTarget = Readonly<{
  host: string;
  user: string | null;
  region: string | null;
  /** A person has consented (OAuth2), so that we act as that person and not as an application. */
  delegated: boolean;
}>;

/** For whom, and from whom, one request hands a message over. */
export type ApiEnvelope = Readonly<{
  /** Empty: the null reverse-path. */
  reversePath: string;
  /** Never empty. */
  recipients: readonly string[];
  /** Of our queue: stable over all attempts, for idempotency keys. */
  messageId: string;
}>;

export type ApiResponse = Readonly<{
  status: number;
  /** By names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  /** The first 64 KiB of the body, as text. */
  body: string;
}>;

/** What is needed to judge: names for the texts, and the time for Retry-After. */
export type ApiPlace = Readonly<{
  upstream: string;
  host: string;
  /** Of the upstream's URL: the mailbox, domain or key id; null: none. */
  user: string | null;
  reversePath: string;
  /** Wall clock. */
  now: EpochMs;
}>;

export type ApiVerdict =
  /** It took the message for all recipients. `reply`: one line for the record, such as `202 Accepted (request 1f0…)`. */
  | Readonly<{ kind: 'accepted'; reply: string }>
  /** Our token is not taken, or not for this: another one is tried once; `verdict` holds where that does not help. */
  | Readonly<{ kind: 'token-refused'; verdict: Verdict }>
  /** One verdict for all recipients. */
  | Readonly<{
      kind: 'refused';
      verdict: Verdict;
      /**
       * Of several recipients one may be to blame, or their number, and the answer does not say which: they are tried one
       * at a time (verdicts.ts), and the verdict holds where there is only one.
       */
      apart?: true;
    }>;

export type SendingApi = Readonly<{
  /** As people call it: `Microsoft Graph`. */
  title: string;
  /** `token`: OAuth2. `basic`: an API key with a user name. `header`: in a header as it is. `aws`: Signature Version 4. */
  authentication:
    | Readonly<{ kind: 'token' }>
    | Readonly<{ kind: 'basic'; user: string }>
    | Readonly<{ kind: 'header'; name: string; prefix: string }>
    | Readonly<{
        kind: 'aws';
        service: string;
        region: (target: Pick<ApiTarget, 'host' | 'region'>) => string;
      }>;
  /** Whether the upstream's URL must have a user, and what it is: `the mailbox, such as scans@example.com`. Null: none. */
  user: string | null;
  defaultHost: string;
  defaultPath: string;
  /** Octets of the largest message (MIME, before base64); null: not known. */
  largestMessage: number | null;
  /** It takes a message with 8-bit parts as it is; else it gets one in 7 bits. */
  eightBit: boolean;
  mostRecipients: number | null;
  /**
   * `envelope`: the request names the recipients. `header`: it sends to those that the message's To, Cc and Bcc name, so the
   * header is written for the envelope first.
   */
  recipientsFrom: 'envelope' | 'header';
  /** Whether a repeated request with the same key is known as a repetition: then a time-out is not ambiguous. */
  idempotent: boolean;
  request: (envelope: ApiEnvelope, target: ApiTarget) => ApiRequest;
  judge: (response: ApiResponse, place: ApiPlace) => ApiVerdict;
  /** A harmless request that shows whether the credentials are taken; null: there is none. */
  check: ((target: ApiTarget) => ApiRequest) | null;
  /** What `check` showed, in words for `upstream test`. */
  judgeCheck: (response: ApiResponse, place: ApiPlace) => Readonly<{ ok: boolean; text: string }>;
  /** Where the provider reports what became of a message after it took it, for people. */
  lateBounces: string;
}>;

/** Retry-After in seconds, or as a date (RFC 9110 §10.2.3), from `now`; null where there is none or it makes no sense. */
export function retryAfter(response: ApiResponse, now: number): DurationMs | null {
  const value = response.headers['retry-after']?.trim() ?? '';
  if (/^\d{1,7}$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_WAIT);
  const at = Date.parse(value);
  return Number.isNaN(at) || at <= now ? null : Math.min(at - now, LONGEST_WAIT);
}

/** A day: whoever states more is asked anyway. */
const LONGEST_WAIT: DurationMs = 86_400_000;
