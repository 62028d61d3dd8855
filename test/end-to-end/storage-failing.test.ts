// A data folder that cannot be written under the running server: the client keeps its message, the operator is told once,
// and mail is taken again without a restart as soon as it can be written.

import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { type Access, login, say } from './gate.ts';

let at: Installation;
let server: Server;
let access: Access;

beforeAll(async () => {
  at = await install();
  access = { at, account: await addAccount(at, 'storage', 'storage secret') };
  server = await at.serve();
});

afterAll(async () => {
  await server?.stop();
  await at?.remove();
});

/** A message that is too large for the database alone; returns the last reply. */
async function send(): Promise<string> {
  const wire = await login(access);
  try {
    await say(wire, 'MAIL FROM:<a@sender.test>', '250');
    await say(wire, 'RCPT TO:<b@destination.test>', '250');
    await say(wire, 'DATA', '354');
    await wire.send(`Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(10_000)}.\r\n`);
    return (await wire.reply()).join('\n');
  } finally {
    wire.close();
  }
}

describe('a spool that cannot be written', () => {
  it('is told to the operator, once, and ends by itself', async () => {
    const spool = join(at.data, 'spool');
    renameSync(spool, `${spool}.away`);
    expect(await send()).toMatch(/^451 4\.3\.0 /);
    expect(await send()).toMatch(/^451 4\.3\.0 /);
    renameSync(`${spool}.away`, spool);
    expect(await send()).toMatch(/^250 2\.0\.0 /);
    const alerts = await waitFor('the alert', async () => {
      const logged = server.log().filter(({ event }) => event === 'alert');
      return logged.length > 0 ? logged : undefined;
    });
    expect(alerts).toMatchObject([
      {
        kind: 'storage-failing',
        text: expect.stringMatching(
          /cannot be written: A message file could not be written: ENOENT.*belong to/,
        ),
      },
    ]);
    await server.stop();
    expect(await at.json(['alert', 'list'])).toMatchObject([{ kind: 'storage-failing', count: 2 }]);
  });
});
