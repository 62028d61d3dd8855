// The options that `upstream add` and `upstream set` share, read into settings: CA file, EHLO name, connections, plaintext.

import { type Call, failed, misused, type Option, type Result } from './command.ts';

export const settingOptions: readonly Option[] = [
  { flags: '--ca FILE', means: 'trust only the certificates in this PEM file', readsFile: true },
  { flags: '--ehlo-name NAME', means: 'name to give in EHLO instead of the host name' },
  { flags: '--connections N', means: 'deliveries at the same time (default 3)' },
  { flags: '--allow-plaintext', means: 'let smtp+notls:// leave this machine' },
];

/** Only what was given is present; null takes it away. */
export type Settings = Readonly<{
  caPem?: string | null;
  ehloName?: string | null;
  connections?: number;
  allowPlaintext?: boolean;
}>;

/** The settings, or why an option cannot be used. */
export function settingsOf(call: Call): Settings | Result {
  const ehloName = call.value('ehlo-name');
  const connections = call.value('connections');
  if (connections !== null && !/^\d+$/.test(connections)) {
    return misused(`--connections takes a number, not "${connections}".`);
  }
  const ca = call.file('ca');
  if (ca?.kind === 'unreadable') return failed(`The CA file ${ca.why}`);
  const pem = ca === null ? null : ca.octets.toString('utf8');
  return {
    ...(call.value('ca') === null ? {} : { caPem: pem }),
    ...(ehloName === null ? {} : { ehloName: ehloName === '' ? null : ehloName }),
    ...(connections === null ? {} : { connections: Number(connections) }),
    ...(call.has('allow-plaintext') ? { allowPlaintext: true } : {}),
  };
}
