// swaks, whose options may stand in a file: name and password do, octet for octet.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/process.ts';
import { type Client, outcomeOf, portOf, SENDER } from './client.ts';

export const swaks: Client = {
  name: 'swaks',
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
  submit: async order => {
    const options = join(order.folder, `${order.subject.replaceAll(' ', '-')}.swaksrc`);
    const lines = [`auth-user ${order.name}\nauth-password `, order.password, '\n'];
    writeFileSync(options, Buffer.concat(lines.map(part => Buffer.from(part))));
    const done = await run([
      ...['swaks', '--config', options, '--server', 'localhost', '--port', portOf(order)],
      ...[
        order.listener === 'starttls' ? '--tls' : '--tls-on-connect',
        '--tls-verify',
        '--tls-ca-path',
        order.ca,
      ],
      ...[
        '--local-interface',
        order.from,
        '--auth',
        order.mechanism,
        '--from',
        SENDER,
        '--to',
        order.recipient,
      ],
      ...['--header', `Subject: ${order.subject}`, '--body', 'from swaks'],
    ]);
    return outcomeOf(done, { sent: /^<~ +250 2\.0\.0 Ok: queued as /m });
  },
};
