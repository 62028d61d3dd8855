// A network of its own for one test, without any rights of the machine: only a loopback interface, on which further ranges
// of addresses are local. So a test has clients from private and from foreign addresses, and touches no real network.

import { spawnSync } from 'node:child_process';
import { startProgram, waitFor } from './process.ts';
import { noteLine } from './report.ts';

export type NetworkNamespace = Readonly<{
  /** Put before a command, it runs it there. */
  inside: readonly string[];
  close: () => Promise<void>;
}>;

const UNSHARE = ['unshare', '--user', '--map-root-user', '--net'] as const;

/**
 * Whether a suite that needs one must be skipped, for `describe.skipIf`; then one line says so. Not an error even with
 * CI=true: containers often forbid it, and nothing that is installed would change that.
 */
export function lacksNamespaces(suite: string): boolean {
  const [program, ...args] = [...UNSHARE, 'ip', 'link', 'set', 'lo', 'up'];
  if (program !== undefined && spawnSync(program, args, { stdio: 'ignore' }).status === 0) return false;
  noteLine(
    `skipped: ${suite}: this machine allows no network namespaces (or lacks unshare and ip: util-linux, iproute2)`,
  );
  return true;
}

/** `local`: ranges such as `10.77.0.0/24`, each address of which a client there can have. `folder` takes its output. */
export async function openNamespace(folder: string, local: readonly string[]): Promise<NetworkNamespace> {
  const routes = local.map(range => `ip route add local ${range} dev lo`);
  const script = ['ip link set lo up', ...routes, 'echo ready', 'exec sleep 3600'].join(' && ');
  const holder = startProgram({
    command: [...UNSHARE, 'sh', '-c', script],
    outputFolder: folder,
    name: 'namespace',
  });
  await waitFor('the network namespace', () => {
    if (holder.hasExited()) throw new Error(`no network namespace: ${holder.stderr()}`);
    return holder.stdout().includes('ready');
  });
  return {
    inside: ['nsenter', '--target', String(holder.pid), '--user', '--net', '--preserve-credentials'],
    close: async () => {
      await holder.kill();
    },
  };
}
