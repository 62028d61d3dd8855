// Plays every conversation in this folder against a running Postern. Each file's name is the rule that it shows.
// One server has the defaults; the others are made for a rule (`! server small`).

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type DialogTarget, parseDialog, playDialog } from '../support/dialog.ts';
import { canConnect } from '../support/ports.ts';
import { addAccount, field, type Installation, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';

const NAME = 'dialog';
const PASSWORD = 'a dialog secret';
const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const variables = {
  name: NAME,
  'name-base64': base64(NAME),
  'password-base64': base64(PASSWORD),
  plain: base64(`\0${NAME}\0${PASSWORD}`),
  'plain-authzid': base64(`${NAME}\0${NAME}\0${PASSWORD}`),
  'plain-other-authzid': base64(`somebody\0${NAME}\0${PASSWORD}`),
  'plain-wrong': base64(`\0${NAME}\0not the password`),
  'plain-unknown': base64('\0nobody-of-that-name\0not the password'),
};

const servers = {
  default: {},
  small: { limits: { message_size: '64 KiB', recipients: 3 } },
  /** No disk has so much room: it is always below the reserve. */
  full: { limits: { disk_reserve: '1000000 GiB' } },
  impatient: { limits: { login_timeout: '2s', idle_timeout: '4s', command_timeout: '1s' } },
} as const;

type ServerName = keyof typeof servers;
const serverNames = ['default', 'small', 'full', 'impatient'] as const satisfies readonly ServerName[];
const running = new Map<ServerName, Readonly<{ at: Installation; ca: string }>>();

beforeAll(async () => {
  for (const name of serverNames) {
    const at = await install(servers[name]);
    await addAccount(at, NAME, PASSWORD);
    // Not until it is ready: a server without disk space never is.
    await at.serve({ waitUntilReady: false });
    await waitFor(`the server "${name}"`, () => canConnect(at.ports.implicit));
    running.set(name, { at, ca: readFileSync(at.ca, 'utf8') });
  }
});

afterAll(async () => {
  await Promise.all([...running.values()].map(({ at }) => at.remove()));
});

describe('dialogs', () => {
  const files = readdirSync(import.meta.dirname)
    .filter(name => name.endsWith('.smtp'))
    .sort();
  it.each(
    files.map((file, index) => [basename(file, '.smtp').replaceAll('-', ' '), file, index] as const),
  )('%s', async (_rule, file, index) => {
    const dialog = parseDialog(readFileSync(join(import.meta.dirname, file), 'utf8'), variables);
    await playDialog(dialog, target(dialog.server, index));
  });
});

function target(server: string, index: number): DialogTarget {
  const name = serverNames.find(known => known === server);
  const found = name === undefined ? undefined : running.get(name);
  if (found === undefined) throw new Error(`there is no server "${server}"`);
  return {
    ports: found.at.ports,
    ca: found.ca,
    from: `127.0.1.${index + 1}`,
    variables,
    countQueued: reversePath => countQueued(found.at, reversePath),
  };
}

async function countQueued(at: Installation, reversePath: string): Promise<number> {
  const list = await at.json(['queue', 'list']);
  if (!Array.isArray(list)) throw new Error('queue list printed no array');
  return list.filter(item => field(item, 'reverse_path') === reversePath).length;
}
