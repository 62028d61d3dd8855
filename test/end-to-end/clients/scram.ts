// The SCRAM client in Python beside this: a second implementation that shares no code with the server.

import { field } from '../../support/postern.ts';
import { run } from '../../support/process.ts';
import { type Client, messageLines, outcomeOf, SENDER } from './client.ts';

export type Attempt = Readonly<{
  mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-256-PLUS';
  /** `unseen` is the flag `y`: the client could bind, and saw no offer of it. Any other word is sent as the type. */
  binding: 'none' | 'unseen' | 'tls-server-end-point' | 'tls-unique' | 'tls-exporter' | 'tls-of-tomorrow';
  /** One bit of the binding's data is changed. */
  wrong?: boolean;
}>;

export type ScramOrder = Readonly<{
  /** Of a listener with TLS from the start. */
  port: number;
  ca: string;
  name: string;
  password: Uint8Array;
  from: string;
  /** The leaf can be chosen with TLS 1.2 only. */
  tls: Readonly<{ version: '1.2'; leaf: 'ECDSA' | 'RSA' }> | Readonly<{ version: '1.3' }>;
  /** Uses a second connection, which resumes the TLS session of the first. */
  resume?: boolean;
  attempts: readonly Attempt[];
  /** MAIL, RCPT, DATA and then the lines of a message, after the login. */
  message?: readonly string[];
}>;

export type ScramResult = Readonly<{
  resumed: boolean;
  ehlo: readonly string[];
  /** The last reply to each AUTH. */
  replies: readonly string[];
  /** SHA-256 of the leaf that the client saw, in hexadecimal. */
  certificate: string;
  /** The reply to NOOP afterwards. */
  noop: string;
  /** The last reply to the message. */
  sent: string;
}>;

/** Runs the client; throws when it ends in an error, such as a wrong proof of the server. */
export async function runScram(order: ScramOrder): Promise<ScramResult> {
  const { tls, password, resume = false, message = [], ...rest } = order;
  const leaf = tls.version === '1.2' ? tls.leaf : '';
  const instructions = { ...rest, tls: tls.version, leaf, resume, message };
  const done = await run(['python3', `${import.meta.dirname}/scram_client.py`], {
    stdin: JSON.stringify({ ...instructions, password: Buffer.from(password).toString('base64') }),
  });
  if (done.code !== 0) throw new Error(`the SCRAM client ended with ${done.code}: ${done.stderr}`);
  const result: unknown = JSON.parse(done.stdout);
  const text = (name: string) => String(field(result, name) ?? '');
  const texts = (name: string) => {
    const list = field(result, name);
    return Array.isArray(list) ? list.map(String) : [];
  };
  return {
    resumed: field(result, 'resumed') === true,
    ehlo: texts('ehlo'),
    replies: texts('replies'),
    certificate: text('certificate'),
    noop: text('noop'),
    sent: text('sent'),
  };
}

/** For the table: -PLUS is bound by tls-server-end-point. */
export const scramInPython: Client = {
  name: 'scram_client.py',
  mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
  submit: async order => {
    const plus = order.mechanism === 'SCRAM-SHA-256-PLUS';
    const { ca, name, password, from } = order;
    const result = await runScram({
      port: order.ports.implicit,
      ca,
      name,
      password,
      from,
      tls: { version: '1.3' },
      attempts: [
        plus
          ? { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-server-end-point' }
          : { mechanism: 'SCRAM-SHA-256', binding: 'none' },
      ],
      message: [`MAIL FROM:<${SENDER}>`, `RCPT TO:<${order.recipient}>`, 'DATA', ...messageLines(order)],
    });
    const stdout = [...result.replies, result.sent].join('\n');
    return outcomeOf({ code: 0, stdout, stderr: '' }, { sent: /^250 2\.0\.0 Ok: queued as /m });
  },
};
