// A session with a sending API: one connection, over which a request goes for each message. Its answers are judged by the
// API's own description (relay/apis/). A token that is refused is replaced once. Whatever is not in step any more is closed.

import type { Socket } from 'node:net';
import type { UpstreamFault } from '../../queue/outcome.ts';
import { foreignVerdict } from '../apis/foreign-answer.ts';
import type { ApiResponse, ApiVerdict, SendingApi } from '../apis/sending-api.ts';
import type { Capabilities } from '../capabilities.ts';
import { waitsForUpstream } from '../classify.ts';
import type { Credentials } from '../credentials.ts';
import { type ApiAt, askApi, placeOfApi, targetOf } from './api-ask.ts';
import { anotherFor, type Key, keyFor } from './api-authorization.ts';
import { bodyOf } from './api-body.ts';
import type { ApiDialled } from './api-dial.ts';
import { createHttpConnection, type HttpAnswer, type HttpPatience } from './api-http.ts';
import { messageDeadline } from './message-deadline.ts';
import type { Parcel, Sent, Session } from './session.ts';
import type { Timeouts } from './smtp-connection.ts';

export type ApiSessionDeps = ApiAt &
  Readonly<{
    credentials: Credentials;
    timeouts: Timeouts;
    /** Another connection, where the API has closed the first one after refusing a token. */
    dial: () => Promise<ApiDialled>;
  }>;

export function createApiSession(socket: Socket, deps: ApiSessionDeps): Session {
  const { api, upstream } = deps;
  let connection = createHttpConnection(socket);

  /** One request, with one key; a token that is refused is no answer yet. */
  async function ask(parcel: Parcel, key: Key): Promise<Sent | RefusedToken> {
    const { reversePath, messageId, recipients } = parcel;
    const envelope = { reversePath, messageId, recipients: recipients.map(({ path }) => path) };
    const request = api.request(envelope, targetOf(upstream));
    const body = await bodyOf(request.body, parcel);
    if ('kind' in body) return body;
    parcel.onPhase('body');
    const onWhole = () => parcel.onPhase('awaiting-reply');
    const asking = { request, body, key, patience: patienceFor(parcel, deps.timeouts), onWhole };
    return sentBy(await askApi(connection, deps, asking), parcel);
  }

  function sentBy(answer: HttpAnswer, { reversePath }: Parcel): Sent | RefusedToken {
    switch (answer.kind) {
      case 'unreadable':
        return answer;
      case 'lost':
        return lost(answer.detail, { bodyConsumed: answer.bodyConsumed && !api.idempotent, answered: false });
      case 'response':
        return judged(answer, reversePath);
      default:
        return answer satisfies never;
    }
  }

  function judged({ response, whole }: Answered, reversePath: string): Sent | RefusedToken {
    const place = placeOfApi(deps, reversePath);
    const foreign = foreignVerdict(response, place);
    if (foreign !== null) return { kind: 'judged', verdict: foreign };
    // A success before the end of the request is none: nothing that we sent was answered by it.
    if (response.status < 300 && !whole) {
      return lost('answered before the end of the message', { bodyConsumed: false, answered: true });
    }
    return sentOf(api.judge(response, place));
  }

  async function again(parcel: Parcel, refused: RefusedToken, key: Key): Promise<Sent> {
    const none: Sent = { kind: 'judged', verdict: refused.verdict };
    if (deps.credentials.kind !== 'token') return none;
    const other = await anotherFor(upstream, deps.credentials, key.secret);
    if (other.kind === 'fault') return faulty(other.fault);
    if (other.secret === key.secret) return none;
    if (!connection.usable()) {
      const dialled = await deps.dial();
      if (dialled.kind === 'fault') return faulty(dialled.fault);
      connection = createHttpConnection(dialled.socket);
    }
    const sent = await ask(parcel, other);
    if (sent.kind === 'token-refused') return { kind: 'judged', verdict: sent.verdict };
    return sent.kind === 'lost' ? { ...sent, answered: true } : sent;
  }

  return {
    capabilities: capabilitiesOf(api),
    tls: upstream.scheme.endsWith('+https'),
    recipientsFrom: api.recipientsFrom,
    send: async parcel => {
      parcel.onPhase('envelope');
      const key = await keyFor(api, upstream, deps.credentials);
      if (key.kind === 'fault') return faulty(key.fault);
      const sent = await ask(parcel, key);
      return sent.kind === 'token-refused' ? again(parcel, sent, key) : sent;
    },
    reset: async () => connection.usable(),
    usable: () => connection.usable(),
    quit: () => connection.close('closed by Postern'),
    close: () => connection.close('closed by Postern'),
  };
}

type Answered = Readonly<{ response: ApiResponse; whole: boolean }>;
type RefusedToken = Extract<ApiVerdict, { kind: 'token-refused' }>;

function sentOf(verdict: ApiVerdict): Sent | RefusedToken {
  switch (verdict.kind) {
    case 'accepted':
      return { kind: 'handed-over', reply: verdict.reply };
    case 'token-refused':
      return verdict;
    case 'refused':
      return { ...verdict, kind: 'judged' };
    default:
      return verdict satisfies never;
  }
}

function faulty(fault: UpstreamFault): Sent {
  return { kind: 'judged', verdict: { outcome: waitsForUpstream(fault), fault } };
}

function lost(detail: string, how: Readonly<{ bodyConsumed: boolean; answered: boolean }>): Sent {
  return { kind: 'lost', stage: 'body', detail, ...how };
}

function patienceFor({ size }: Parcel, { command, finalReply }: Timeouts): HttpPatience {
  return { progress: command, answer: finalReply, total: messageDeadline(size) };
}

/** Nothing is asked for it: what the description says. */
function capabilitiesOf({ largestMessage, eightBit }: SendingApi): Capabilities {
  return {
    size: largestMessage !== null,
    maxSize: largestMessage,
    eightBitMime: eightBit,
    smtputf8: false,
    pipelining: false,
    dsn: false,
    requireTls: false,
    mechanisms: [],
  };
}
