// What `serve` says on stderr once it listens: where, what is still missing, and the exact next commands. Pure.

export type WelcomeFacts = Readonly<{
  version: string;
  hostname: string;
  listeners: readonly Readonly<{ address: string; port: number; tls: 'starttls' | 'implicit' }>[];
  /** Stable addresses of this machine, for devices that cannot look up names. */
  addresses: readonly string[];
  /** Path of the CA certificate; null with the operator's own certificate. */
  caPath: string | null;
  dataFolder: string;
  accounts: number;
  upstreams: number;
  /** How to call the command line here, for example `npx postern`. */
  command: string;
  /** One line each. */
  warnings: readonly string[];
}>;

/** Lines for a person, with the last line end. */
export function welcome(facts: WelcomeFacts): string {
  const names = [facts.hostname, ...facts.addresses.slice(0, 3)].join(' or ');
  const lines = [
    `Postern ${facts.version} is running. Point your devices at ${names}:`,
    ...facts.listeners.map(({ address, port, tls }) => `  port ${port}  ${security(tls)}${where(address)}`),
    ...(facts.caPath === null ? [] : [`CA certificate for devices that ask for one: ${facts.caPath}`]),
    `Data: ${facts.dataFolder}`,
    ...facts.warnings.map(warning => `Warning: ${warning}`),
    ...missing(facts),
  ];
  return `${lines.join('\n')}\n`;
}

function missing({ accounts, upstreams, command }: WelcomeFacts): readonly string[] {
  const lines: string[] = [];
  if (accounts === 0 && upstreams === 0) {
    lines.push(
      '',
      'Nothing is set up yet. This asks for your provider, makes a login and sends a test mail:',
      `  ${command} setup`,
      'Or do it by single commands:',
    );
  }
  if (accounts === 0) {
    lines.push(
      '',
      'There is no account yet, so no device can log in. Make one:',
      `  ${command} account add scanner`,
    );
  }
  if (upstreams === 0) {
    lines.push(
      '',
      'There is no upstream yet: mail is accepted and waits. Name your provider (it asks for the password):',
      `  ${command} upstream add mail --url smtp+starttls://you@example.com@smtp.example.com:587`,
    );
  }
  return lines;
}

function security(tls: 'starttls' | 'implicit'): string {
  return tls === 'starttls'
    ? 'STARTTLS (devices call it "TLS" or "STARTTLS")'
    : 'TLS from the start (devices call it "SSL" or "SSL/TLS")';
}

function where(address: string): string {
  return address === '::' || address === '0.0.0.0' ? '' : `, only on ${address}`;
}
