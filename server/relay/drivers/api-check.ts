// What `upstream test` asks a sending API: whether it can be reached, shows a good certificate, and takes our token or key. By a
// request that sends nothing. Never rejects. Takes at most the time-outs.

import { TLSSocket } from 'node:tls';
import type { EpochMs } from '../../clock.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import { wordsOf } from '../apis/catalogue.ts';
import { foreignVerdict } from '../apis/foreign-answer.ts';
import type { SendingApi } from '../apis/sending-api.ts';
import type { Credentials } from '../credentials.ts';
import { askApi, placeOfApi, targetOf } from './api-ask.ts';
import { anotherFor, type Key, keyFor } from './api-authorization.ts';
import { bodyOf } from './api-body.ts';
import { type ApiDialled, type ApiDialOptions, dialApi } from './api-dial.ts';
import { createHttpConnection, type HttpAnswer } from './api-http.ts';
import { type Security, securityOf } from './security.ts';

export type ApiCheckOptions = ApiDialOptions &
  Readonly<{ api: SendingApi; credentials: Credentials; now: () => EpochMs }>;

/** Words for people. */
type Told = Readonly<{ ok: boolean; text: string }>;

export type ApiChecked =
  /** No connection came about. */
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>
  /** `security`: null without TLS. */
  | Readonly<{ kind: 'connected'; security: Security | null; login: Told }>;

export async function checkApi(options: ApiCheckOptions): Promise<ApiChecked> {
  const dialled = await dialApi(options);
  if (dialled.kind === 'fault') return dialled;
  const { socket } = dialled;
  const security = securityOf({ tlsSocket: socket instanceof TLSSocket ? socket : null });
  const login = await checkLogin(options, dialled);
  socket.destroy();
  return { kind: 'connected', security, login };
}

async function checkLogin(options: ApiCheckOptions, dialled: ApiDialled): Promise<Told> {
  const { api, upstream, credentials } = options;
  const key = await keyFor(api, upstream, credentials);
  if (key.kind === 'fault') return { ok: false, text: key.fault.text };
  const first = await ask(options, key, dialled);
  if (!isRefusedToken(first, options) || credentials.kind !== 'token') return toldBy(first, options);
  const other = await anotherFor(upstream, credentials, key.secret);
  if (other.kind === 'fault') return { ok: false, text: other.fault.text };
  // The answer to a refused token may be the last one on its connection.
  return toldBy(await ask(options, other, await dialApi(options)), options);
}

/** Null: there is no such request. */
async function ask(options: ApiCheckOptions, key: Key, dialled: ApiDialled): Promise<HttpAnswer | null> {
  const { api, upstream, timeouts } = options;
  const request = api.check?.(targetOf(upstream));
  if (request === undefined) return null;
  const body = await bodyOf(request.body, null);
  if ('kind' in body) return body;
  if (dialled.kind === 'fault') return { kind: 'lost', detail: dialled.fault.text, bodyConsumed: false };
  const { command, finalReply, dial } = timeouts;
  const patience = { progress: command, answer: finalReply, total: dial };
  const connection = createHttpConnection(dialled.socket);
  const answer = await askApi(connection, options, { request, body, key, patience });
  connection.close('closed by Postern');
  return answer;
}

function isRefusedToken(answer: HttpAnswer | null, options: ApiCheckOptions): boolean {
  if (answer?.kind !== 'response') return false;
  const place = placeOfApi(options, '');
  const { response } = answer;
  return (
    foreignVerdict(response, place) === null && options.api.judge(response, place).kind === 'token-refused'
  );
}

function toldBy(answer: HttpAnswer | null, options: ApiCheckOptions): Told {
  const { api, upstream } = options;
  if (answer === null)
    return { ok: true, text: `The key is set; ${api.title} shows only with a message whether it is right.` };
  if (answer.kind !== 'response')
    return { ok: false, text: `${upstream.name} broke the connection off (${answer.detail}).` };
  const place = placeOfApi(options, '');
  const foreign = foreignVerdict(answer.response, place);
  if (foreign === null) return api.judgeCheck(answer.response, place);
  return { ok: false, text: wordsOf({ kind: 'refused', verdict: foreign }, place) };
}
