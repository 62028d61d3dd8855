// curl, whose options come on its standard input.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/process.ts';
import { type Client, messageLines, outcomeOf, portOf, SENDER } from './client.ts';

export const curl: Client = {
  name: 'curl',
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
  submit: async order => {
    const message = join(order.folder, `${order.subject.replaceAll(' ', '-')}.curl`);
    writeFileSync(message, `${messageLines(order).join('\r\n')}\r\n`);
    const scheme = order.listener === 'starttls' ? 'smtp' : 'smtps';
    const done = await run(
      [
        ...['curl', '--config', '-', '--url', `${scheme}://localhost:${portOf(order)}/client.example`],
        ...['--ssl-reqd', '--cacert', order.ca, '--interface', order.from],
        ...[
          '--login-options',
          `AUTH=${order.mechanism}`,
          '--mail-from',
          SENDER,
          '--mail-rcpt',
          order.recipient,
        ],
        ...['--upload-file', message, '--silent', '--show-error', '--verbose'],
      ],
      { stdin: userOption(order.name, order.password) },
    );
    return outcomeOf(done, { sent: /^< 250 2\.0\.0 Ok: queued as /m });
  },
};

/** In curl's files `\` and `"` are escaped between quotes; everything else stands as it is. */
function userOption(name: string, password: Uint8Array): Buffer {
  const octets = Buffer.concat([Buffer.from(`${name}:`), password]).toString('latin1');
  return Buffer.from(`user = "${octets.replace(/["\\]/g, '\\$&')}"\n`, 'latin1');
}
