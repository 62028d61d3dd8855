// msmtp, with a configuration file like a user's and the password from another file.
// Its CRAM-MD5 and SCRAM are those of GNU SASL, which prepares passwords (SASLprep) and so takes only UTF-8 there.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../support/process.ts';
import { type Client, messageLines, outcomeOf, portOf, SENDER } from './client.ts';

export const msmtp: Client = {
  name: 'msmtp',
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256'],
  submit: async order => {
    const stem = join(order.folder, order.subject.replaceAll(' ', '-'));
    const lines = [
      'account default',
      `host localhost\nport ${portOf(order)}\nsource_ip ${order.from}`,
      `tls on\ntls_starttls ${order.listener === 'starttls' ? 'on' : 'off'}\ntls_trust_file ${order.ca}`,
      `auth ${order.mechanism.toLowerCase()}\nuser ${order.name}\npasswordeval cat ${stem}.password`,
      `from ${SENDER}`,
    ];
    writeFileSync(`${stem}.password`, Buffer.concat([order.password, Buffer.from('\n')]));
    // msmtp refuses a file that others may read.
    writeFileSync(`${stem}.msmtprc`, `${lines.join('\n')}\n`, { mode: 0o600 });
    const done = await run(['msmtp', '--debug', '--file', `${stem}.msmtprc`, '--', order.recipient], {
      stdin: `${messageLines(order).join('\n')}\n`,
    });
    return outcomeOf(done, {
      sent: /^<-- 250 2\.0\.0 Ok: queued as /m,
      cannot: [[/GNU SASL: Could not prepare internationalized/, 'takes UTF-8 only (SASLprep)']],
    });
  },
};
