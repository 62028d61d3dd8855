// Runs a Postfix of our own: its configuration, queue and data in one folder, in the foreground, as root.
// Used as the upstream of end-to-end tests and as the peer in the benchmark; knows nothing of what it is for.

import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Program, run, startProgram } from './process.ts';

export type PostfixOptions = Readonly<{
  /** Must be passable for everybody (0755). */
  folder: string;
  /** Lines of main.cf beside those that every Postfix of ours has. */
  settings: readonly string[];
  /** Lines of master.cf for what listens. */
  services: readonly string[];
}>;

/** Starts it; it listens a moment later. `stop` of the program ends all its processes. */
export async function startMaster(options: PostfixOptions): Promise<Program> {
  const { folder } = options;
  const config = join(folder, 'config');
  for (const name of ['config', 'queue', 'data']) mkdirSync(join(folder, name), { recursive: true });
  chownSync(join(folder, 'data'), await postfixUid(), 0);
  writeFileSync(join(config, 'main.cf'), `${[...commonSettings(folder), ...options.settings].join('\n')}\n`);
  writeFileSync(join(config, 'master.cf'), `${[...options.services, ...commonServices].join('\n')}\n`);
  const checked = await run(['/usr/sbin/postfix', '-c', config, 'check']);
  if (checked.code !== 0) throw new Error(`postfix check failed: ${checked.stderr}`);
  return startAgain(folder);
}

/** Starts a Postfix whose folder is complete already. `wrapper` is put before the command: `strace …`. */
export function startAgain(folder: string, wrapper: readonly string[] = []): Program {
  const config = join(folder, 'config');
  // -d keeps it in the foreground, in the process group that startProgram makes for it.
  return startProgram({
    command: [...wrapper, '/usr/lib/postfix/sbin/master', '-c', config, '-d'],
    outputFolder: folder,
    name: 'postfix',
    env: { MAIL_CONFIG: config },
    append: true,
  });
}

export async function postfixUid(): Promise<number> {
  return Number((await run(['id', '-u', 'postfix'])).stdout);
}

function commonSettings(folder: string): readonly string[] {
  return [
    'compatibility_level = 3.6',
    'command_directory = /usr/sbin',
    'daemon_directory = /usr/lib/postfix/sbin',
    `queue_directory = ${folder}/queue`,
    `data_directory = ${folder}/data`,
    `maillog_file = ${folder}/mail.log`,
    `maillog_file_prefixes = ${folder}`,
    'mydestination =',
    'mynetworks =',
    'alias_maps =',
    'alias_database =',
    'inet_interfaces = 127.0.0.1',
    'inet_protocols = ipv4',
    'smtpd_peername_lookup = no',
  ];
}

const commonServices = [
  'pickup unix n - n 60 1 pickup',
  'cleanup unix n - n - 0 cleanup',
  'qmgr unix n - n 300 1 qmgr',
  'tlsmgr unix - - n 1000? 1 tlsmgr',
  'rewrite unix - - n - - trivial-rewrite',
  'bounce unix - - n - 0 bounce',
  'defer unix - - n - 0 bounce',
  'trace unix - - n - 0 bounce',
  'verify unix - - n - 1 verify',
  'proxymap unix - - n - - proxymap',
  'smtp unix - - n - - smtp',
  'relay unix - - n - - smtp',
  'error unix - - n - - error',
  'retry unix - - n - - error',
  'discard unix - - n - - discard',
  'virtual unix - n n - - virtual',
  'anvil unix - - n - 1 anvil',
  'scache unix - - n - 1 scache',
  'tlsproxy unix - - n - 0 tlsproxy',
  'postlog unix-dgram n - n - 1 postlogd',
];
