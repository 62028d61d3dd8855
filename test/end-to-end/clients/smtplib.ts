// Python's smtplib: its own `auth` with its own mechanisms, and `send_message`.

import { run } from '../../support/process.ts';
import { type Client, type Mechanism, type Order, type Outcome, outcomeOf, SENDER } from './client.ts';

const SCRIPT = `${import.meta.dirname}/smtplib_client.py`;

export const smtplib: Client = {
  name: 'smtplib',
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
  submit: order => submit(order, order.mechanism),
};

/** By `login()`, which tries what is offered: CRAM-MD5, then PLAIN, then LOGIN. */
export function submitByLogin(order: Omit<Order, 'mechanism'>): Promise<Outcome> {
  return submit(order, null);
}

async function submit(order: Omit<Order, 'mechanism'>, mechanism: Mechanism | null): Promise<Outcome> {
  const { ports, folder, password, ...rest } = order;
  const instructions = {
    ...rest,
    mechanism,
    port: ports[order.listener],
    sender: SENDER,
    password: Buffer.from(password).toString('base64'),
  };
  const done = await run(['python3', SCRIPT], { stdin: JSON.stringify(instructions) });
  return outcomeOf(done, {
    sent: /^sent$/m,
    cannot: [[/^cannot: UnicodeEncodeError/m, 'takes ASCII only']],
  });
}
