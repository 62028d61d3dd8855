// Installs what the tests need on a Debian machine: real peers (Postfix, Dovecot), clients and the C tools' compiler.
// Only with CI=true, as root, on Debian; never starts a service (policy-rc.d), and puts that policy back afterwards.
// With CI=true a need that cannot be met is an error. Run alone: `CI=true node test/support/debian.ts [SUITE…]`.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { missing, type Need, needs, suiteNeeds } from './needs.ts';

const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_ASIDE = `${POLICY}.before-postern-tests`;
const MAX_INSTALL_MS = 15 * 60_000;

/** Installs what is missing of `wanted` where that is our business; throws with CI=true when something stays missing. */
export function provide(wanted: readonly Need[]): void {
  if (process.env['CI'] !== 'true') return;
  const lacking = missing(wanted);
  if (lacking.length === 0) return;
  const packages = [...new Set(lacking.map(need => needs[need].package))];
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(`These Debian packages are needed and cannot be installed here: ${packages.join(' ')}`);
  }
  process.stdout.write(`installing for the tests: ${packages.join(' ')}\n`);
  withoutServiceStarts(() => {
    apt(['update', '-qq']);
    apt(['install', '-y', '-qq', '--no-install-recommends', ...packages]);
  });
  const still = missing(wanted);
  if (still.length > 0) throw new Error(`Still missing after apt-get install: ${still.join(', ')}`);
}

/** Debian asks policy-rc.d before it starts a service; 101 means "not allowed". */
function withoutServiceStarts(install: () => void): void {
  const had = existsSync(POLICY);
  if (had) renameSync(POLICY, POLICY_ASIDE);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
  chmodSync(POLICY, 0o755);
  try {
    install();
  } finally {
    rmSync(POLICY, { force: true });
    if (had) renameSync(POLICY_ASIDE, POLICY);
  }
}

function apt(args: readonly string[]): void {
  const run = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: MAX_INSTALL_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status !== 0) {
    throw new Error(
      `apt-get ${args.join(' ')} failed (${run.status ?? run.signal}):\n${run.stderr}${run.stdout}`,
    );
  }
}

function isSuite(name: string): name is keyof typeof suiteNeeds {
  return Object.hasOwn(suiteNeeds, name);
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  const suites = asked.length > 0 ? asked.filter(isSuite) : (['end-to-end', 'crash'] as const);
  provide(suites.flatMap(suite => suiteNeeds[suite]));
}
