// gsasl, the command of GNU SASL: it logs in, and then sends its standard input through the session, here a message.
// Of TLS it knows STARTTLS only. SCRAM-SHA-256-PLUS is bound by tls-exporter on TLS 1.3, by tls-unique before.

import { converse, type Turn } from '../../support/conversation.ts';
import { type Client, messageLines, type Order, outcomeOf, SENDER } from './client.ts';

export const gsasl: Client = {
  name: 'gsasl',
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
  submit: async order =>
    outcomeOf(await converse(commandFor(order), turns(order), { env: { LC_ALL: 'C.UTF-8' } }), {
      sent: /^250 2\.0\.0 Ok: queued as /m,
      cannot: [[/Could not prepare internationalized/, 'takes UTF-8 only (SASLprep)']],
    }),
};

/**
 * Without a buffer for its input: gsasl polls it, and would not see lines that were read ahead.
 * --no-cb: while it has channel binding data it refuses SCRAM without -PLUS.
 */
function commandFor({ ports, ca, mechanism, name }: Order): readonly string[] {
  return [
    ...['stdbuf', '-i0', 'gsasl', '--smtp', '--starttls', `--x509-ca-file=${ca}`],
    ...(mechanism === 'SCRAM-SHA-256' ? ['--no-cb'] : []),
    ...[`--mechanism=${mechanism}`, `--authentication-id=${name}`, `--connect=localhost:${ports.starttls}`],
  ];
}

function turns(order: Order): readonly Turn[] {
  const message = [...messageLines(order), '.'];
  return [
    { after: /Enter password: /, say: Buffer.concat([order.password, Buffer.from('\n')]) },
    { after: /Enter application data/, say: `MAIL FROM:<${SENDER}>\n` },
    { after: /^250 2\.1\.0 /m, say: `RCPT TO:<${order.recipient}>\n` },
    { after: /^250 2\.1\.5 /m, say: 'DATA\n' },
    { after: /^354 /m, say: `${message.join('\n')}\n` },
    { after: /^250 2\.0\.0 Ok: queued as /m, say: '' },
  ];
}
