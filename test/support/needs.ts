// What the tests need from the machine beside Node: real peers and clients, by the command or file that proves them.
// A suite whose needs are not met is skipped with one visible line; with CI=true that is an error instead.
// Nothing is installed here: test/support/debian.ts does that.

import { spawnSync } from 'node:child_process';
import { accessSync } from 'node:fs';
import { noteLine } from './report.ts';

type Probe = Readonly<{ file: string } | { command: readonly [string, ...string[]] }>;

/** Each need: the Debian package that brings it, and how to see that it is there. */
export const needs = {
  postfix: { package: 'postfix', probe: { file: '/usr/lib/postfix/sbin/master' } },
  dovecot: { package: 'dovecot-core', probe: { file: '/usr/sbin/dovecot' } },
  swaks: { package: 'swaks', probe: { file: '/usr/bin/swaks' } },
  'swaks-tls': { package: 'libnet-ssleay-perl', probe: { command: ['perl', '-MNet::SSLeay', '-e', '1'] } },
  python: { package: 'python3', probe: { command: ['python3', '-c', 'import smtplib, ssl'] } },
  msmtp: { package: 'msmtp', probe: { file: '/usr/bin/msmtp' } },
  gsasl: { package: 'gsasl', probe: { file: '/usr/bin/gsasl' } },
  curl: { package: 'curl', probe: { command: ['curl', '--version'] } },
  openssl: { package: 'openssl', probe: { command: ['openssl', 'version'] } },
  tmux: { package: 'tmux', probe: { command: ['tmux', '-V'] } },
  strace: { package: 'strace', probe: { command: ['strace', '-V'] } },
  cc: { package: 'gcc', probe: { command: ['cc', '--version'] } },
  'c-headers': { package: 'libc6-dev', probe: { file: '/usr/include/stdio.h' } },
  'openssl-headers': { package: 'libssl-dev', probe: { file: '/usr/include/openssl/ssl.h' } },
  'sasl-password': { package: 'sasl2-bin', probe: { file: '/usr/sbin/saslpasswd2' } },
  'sasl-mechanisms': {
    package: 'libsasl2-modules',
    probe: { command: ['sh', '-c', 'ls /usr/lib/*/sasl2/libplain.so'] },
  },
} as const satisfies Readonly<Record<string, { package: string; probe: Probe }>>;

export type Need = keyof typeof needs;

/** What each suite needs; the load tools are the C programs of bench/. */
export const loadTools: readonly Need[] = ['openssl', 'cc', 'c-headers', 'openssl-headers'];
export const suiteNeeds = {
  'end-to-end': [
    'postfix',
    'dovecot',
    'swaks',
    'swaks-tls',
    'python',
    'msmtp',
    'gsasl',
    'curl',
    'openssl',
    'tmux',
  ],
  crash: [...loadTools, 'strace'],
  bench: [...loadTools, 'strace', 'postfix', 'sasl-password', 'sasl-mechanisms'],
} as const satisfies Readonly<Record<string, readonly Need[]>>;

/** The needs that are not met on this machine, in the order asked. */
export function missing(wanted: readonly Need[]): readonly Need[] {
  return wanted.filter(need => !found(needs[need].probe));
}

/**
 * Whether a suite must be skipped, for `describe.skipIf`. Prints (or hands to test/run.ts) one line with the reason.
 * With CI=true it throws: there, a suite that cannot run is a failure.
 */
export function mustSkip(suite: string, wanted: readonly Need[]): boolean {
  const lacking = missing(wanted);
  if (lacking.length === 0) return false;
  const packages = lacking.map(need => needs[need].package).join(' ');
  const line = `skipped: ${suite}: this machine lacks ${lacking.join(', ')} (Debian packages: ${packages})`;
  if (process.env['CI'] === 'true') throw new Error(line);
  noteLine(line);
  return true;
}

function found(probe: Probe): boolean {
  if ('command' in probe) {
    const [program, ...args] = probe.command;
    return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
  }
  try {
    accessSync(probe.file);
    return true;
  } catch {
    return false;
  }
}
