// A real server whose upstream is a sending API: a device's mail goes in by SMTP and out by HTTPS, and whatever the API says
// or does meanwhile, every message arrives, or its end is told.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { makeIdentity } from '../relay/identity.ts';
import { addAccount, field, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { startStandIn } from '../support/sending-api-stand-in.ts';
import { submit } from './gate.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const SES = {
  user: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'eu-west-1',
};

async function behindAmazon() {
  const identity = await makeIdentity();
  const amazon = await startStandIn('ses', { ...SES, identity });
  cleanups.push(amazon.close);
  const at = await install({ queue: { retry_min: '1s', retry_max: '2s', ambiguous_wait: '1s' } });
  cleanups.push(at.remove);
  const account = await addAccount(at, 'scanner', 'printer password');
  const ca = join(at.folder, 'amazon.crt');
  writeFileSync(ca, identity.authority);
  const added = await at.cli(
    [
      ...['upstream', 'add', 'amazon', '--url', `ses+https://${SES.user}@localhost:${amazon.port}`],
      ...['--region', SES.region, '--ca', ca, '--password-stdin'],
    ],
    { stdin: `${SES.secret}\n` },
  );
  expect(added).toMatchObject({ code: 0 });
  const server = await at.serve();
  const send = async (subject: string, to: readonly string[] = ['anna@example.net']) => {
    const message = Buffer.from(
      `From: scanner@sender.test\r\nSubject: ${subject}\r\n\r\n.body of ${subject}\r\n`,
    );
    expect(await submit({ at, account }, { message, to })).toMatch(/^250 /);
  };
  const arrival = (subject: string) =>
    waitFor(`"${subject}" at Amazon`, () =>
      amazon.taken.find(({ message }) => message.includes(`Subject: ${subject}\r\n`)),
    );
  return { amazon, at, server, send, arrival };
}

it('a sending API takes a device’s mail, with its errors, silences and limits on the way, and none is lost', async () => {
  const { amazon, at, server, send, arrival } = await behindAmazon();
  await send('a plain one', ['anna@example.net', 'hidden@example.org']);
  const { message, recipients, reversePath } = await arrival('a plain one');
  expect(message.toString()).toMatch(/^Received: from .*\r\n\r\n\.body of a plain one\r\n$/s);
  expect({ recipients, reversePath }).toEqual({
    recipients: ['anna@example.net', 'hidden@example.org'],
    reversePath: 'scanner@sender.test',
  });

  // An error of its own over one message: the others go on meanwhile.
  amazon.next({ kind: 'answer', status: 500, body: { message: 'Internal failure' } });
  await send('one that it broke over');
  await arrival('one that it broke over');

  // It took the message and the connection broke: better twice than lost.
  amazon.next({ kind: 'cut', when: 'end', taken: true });
  await send('one in doubt');
  await waitFor('the repetition', () => {
    const copies = amazon.taken.filter(taken => taken.message.includes('Subject: one in doubt\r\n'));
    return copies.length === 2;
  });

  // For good, and about this message alone.
  amazon.next({
    kind: 'answer',
    status: 400,
    headers: { 'x-amzn-errortype': 'MessageRejected' },
    body: { message: 'The message contains a virus.' },
  });
  await send('one with a virus');
  const failed = await waitFor('the end', () => server.log().find(line => line.event === 'recipient.failed'));
  expect(JSON.stringify(failed)).toContain('HTTP 400 MessageRejected: The message contains a virus.');

  // The key is taken away, and comes back: what waited meanwhile goes out.
  amazon.always({
    kind: 'answer',
    status: 403,
    headers: { 'x-amzn-errortype': 'UnrecognizedClientException' },
    body: { message: 'The security token included in the request is invalid.' },
  });
  await send('one without a key');
  await waitFor('the fault', () =>
    server.log().find(line => line.event === 'upstream.fault' && line['kind'] === 'credentials'),
  );
  expect(JSON.stringify(field(await at.json(['upstream', 'show', 'amazon']), 'fault'))).toContain(
    'access key',
  );
  amazon.always(null);
  expect((await at.cli(['upstream', 'resume', 'amazon'])).code).toBe(0);
  await arrival('one without a key');

  // Last, because everything is slower from then on.
  amazon.next({
    kind: 'answer',
    status: 429,
    headers: { 'retry-after': '1' },
    body: { message: 'Rate exceeded' },
  });
  await send('one too fast');
  await arrival('one too fast');
  expect(server.log().some(line => line.event === 'upstream.throttled')).toBe(true);
  expect(server.stdout()).not.toContain(SES.secret);
});
