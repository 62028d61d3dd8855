// What a person enters on a device: server, port, security, login. The same block after `account add` and `account show`.

import type { CommandStore } from './command-store.ts';
import { facts } from './output.ts';

export function submissionSettings(
  { config, hostname }: Pick<CommandStore, 'config' | 'hostname'>,
  user: string,
  password: string,
): string {
  const ports = config.listeners.map(({ port, tls }) =>
    tls === 'starttls' ? `${port} with STARTTLS ("TLS")` : `${port} with implicit TLS ("SSL/TLS")`,
  );
  const ownCertificate = config.tls.certificate !== undefined;
  return facts([
    ['Server', hostname],
    ['Port', ports.join(', or ')],
    ['User name', user],
    ['Password', password],
    ...(ownCertificate ? [] : ([['CA file', `${config.storage.path}/tls/ca.crt`]] as const)),
  ]);
}
