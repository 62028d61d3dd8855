// openssl s_client with everything typed by hand: the person computes nothing but base64.

import { type Finished, run } from '../../support/process.ts';
import { type Client, messageLines, type Order, outcomeOf, SENDER } from './client.ts';

export const openssl: Client = {
  name: 'openssl',
  mechanisms: ['PLAIN', 'LOGIN'],
  submit: async order =>
    outcomeOf(await sClient(order, [`-bind`, `${order.from}:0`], typedLines(order)), {
      sent: /^250 2\.0\.0 Ok: queued as \S+\r?\n221 2\.0\.0 Bye/m,
    }),
};

/** Sends these lines over TLS and returns what came back. */
export function sClient(
  { ports, listener, ca }: Pick<Order, 'ports' | 'listener' | 'ca'>,
  options: readonly string[],
  lines: readonly string[],
): Promise<Finished> {
  const starttls = listener === 'starttls' ? ['-starttls', 'smtp'] : [];
  return run(
    [
      ...['openssl', 's_client', '-quiet', '-connect', `localhost:${ports[listener]}`, ...starttls],
      ...['-CAfile', ca, '-verify_return_error', '-verify_hostname', 'localhost', ...options],
    ],
    { stdin: `${lines.join('\r\n')}\r\n` },
  );
}

function typedLines(order: Order): readonly string[] {
  const base64 = (octets: Uint8Array) => Buffer.from(octets).toString('base64');
  const name = Buffer.from(order.name);
  const login =
    order.mechanism === 'LOGIN'
      ? ['AUTH LOGIN', base64(name), base64(order.password)]
      : [`AUTH PLAIN ${base64(Buffer.concat([Buffer.of(0), name, Buffer.of(0), order.password]))}`];
  return [
    ...['EHLO s-client.example', ...login, `MAIL FROM:<${SENDER}>`, `RCPT TO:<${order.recipient}>`, 'DATA'],
    ...[...messageLines(order), '.', 'QUIT'],
  ];
}
