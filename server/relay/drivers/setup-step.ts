// One step on the way to a usable connection (greeting, TLS, EHLO, a line of AUTH), and what went wrong in it, in the
// words of setup-fault.ts. Never rejects, and always ends: nodemailer reports the end of a step in three ways.

import { parseRemoteReply } from '../remote-reply.ts';
import type { SetupTrouble } from '../setup-fault.ts';
import { certificateNames } from './security.ts';
import type { SmtpError, UpstreamConnection } from './smtp-connection.ts';

export type StepResult<T> =
  | Readonly<{ kind: 'done'; value: T }>
  | Readonly<{ kind: 'trouble'; trouble: SetupTrouble }>;

/** nodemailer reports the end of a step by callback, by an `error` event, or only by `end`: the first one counts. */
export function setupStep<T>(
  connection: UpstreamConnection,
  step: (done: (value: T) => void, fail: (error: SmtpError) => void) => void,
): Promise<StepResult<T>> {
  return new Promise(resolve => {
    const settle = (result: StepResult<T>) => {
      connection.off('error', fail);
      connection.off('end', ended);
      resolve(result);
    };
    const fail = (error: SmtpError) =>
      settle({ kind: 'trouble', trouble: troubleOf(error, connection.stageNow) });
    const ended = () => setImmediate(() => fail(new Error('connection closed')));
    connection.on('error', fail);
    connection.on('end', ended);
    step(value => settle({ kind: 'done', value }), fail);
  });
}

/** `response`: where the upstream said something; then the code says nothing more. */
export function setupTrouble(
  stage: SetupTrouble['stage'],
  error: Readonly<{
    code: string;
    message: string;
    response?: string | undefined;
    certificateNames?: readonly string[];
  }>,
): SetupTrouble {
  return {
    stage,
    reply: error.response === undefined ? null : parseRemoteReply(error.response),
    errorCode: error.response === undefined ? error.code : null,
    message: error.message,
    certificateNames: error.certificateNames ?? [],
  };
}

const STAGES: readonly SetupTrouble['stage'][] = ['connect', 'greeting', 'ehlo', 'starttls', 'auth'];

/** Node's altname error carries the certificate that was shown. */
function troubleOf(
  error: SmtpError & { cert?: { subjectaltname?: string } },
  stage: UpstreamConnection['stageNow'],
): SetupTrouble {
  return setupTrouble(STAGES.find(known => known === stage) ?? 'auth', {
    code: error.originalCode ?? error.code ?? 'EUNKNOWN',
    message: error.message,
    response: error.response,
    certificateNames: certificateNames(error.cert?.subjectaltname ?? ''),
  });
}
