// The settings card: what a person types into a device, in the words that devices use. The same after `account add`,
// `account password` and `account show`.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Account } from '../accounts/account.ts';
import { formatListenAddress, isLoopback } from '../config/values.ts';
import { isRefusedStart } from '../refused-start.ts';
import { covers } from '../tls/subject-names.ts';
import type { CommandStore } from './command-store.ts';
import { facts } from './output.ts';

type Server = Pick<CommandStore, 'config' | 'hostname' | 'addresses' | 'certificates'>;

type Port = Readonly<{
  port: number;
  security: 'STARTTLS' | 'SSL/TLS';
  /** Null: every address of this machine. */
  only_on: string | null;
}>;

export type SubmissionSettings = Readonly<{
  /** The host name. */
  server: string;
  /** What to type instead where a device does not find the name; the certificate is good for them too. */
  addresses: readonly string[];
  ports: readonly Port[];
  user_name: string;
  aliases: readonly string[];
  sender: string | null;
  /** What else it may send as; null: anything. */
  senders: readonly string[] | null;
  /** Address or path of what a device must trust; null where an own certificate is signed by somebody else. */
  ca_certificate: string | null;
  /** What an own certificate is good for, where that is not the host name; null where all is well. */
  certificate_names: readonly string[] | null;
  /** The certificate is the operator's. */
  own_certificate: boolean;
}>;

/** As many addresses as one may type: a machine with containers has many. */
const MOST_ADDRESSES = 3;

export function submissionSettings(server: Server, account: Account): SubmissionSettings {
  const { config, hostname } = server;
  const own = config.tls.certificate;
  const names = namesOf(server);
  const addresses = server
    .addresses()
    .filter(address => covers(names, address))
    .toSorted(ipv4First);
  return {
    server: hostname,
    addresses: addresses.slice(0, MOST_ADDRESSES),
    ports: config.listeners.map(({ port, tls, address }) => ({
      port,
      security: tls === 'starttls' ? 'STARTTLS' : 'SSL/TLS',
      only_on: isEvery(address) ? null : address,
    })),
    user_name: account.name,
    aliases: account.aliases.map(alias => alias.name),
    sender: account.policy.sender,
    senders: account.policy.senders,
    own_certificate: own !== undefined,
    certificate_names: own === undefined || names.length === 0 || covers(names, hostname) ? null : names,
    ca_certificate:
      own !== undefined
        ? selfSigned(own)
        : (publicAddress(server, config.hostname ?? addresses[0] ?? hostname) ??
          resolve(config.storage.path, 'tls/ca.crt')),
  };
}

/** None where the certificate cannot be used: the commands say so by themselves. */
function namesOf({ certificates }: Server): readonly string[] {
  try {
    return certificates.describe().names;
  } catch (error) {
    if (!isRefusedStart(error)) throw error;
    return [];
  }
}

/** The path of an own certificate that nobody else has signed: devices must trust it itself. */
function selfSigned(path: string): string | null {
  try {
    const certificate = new X509Certificate(readFileSync(path));
    return certificate.checkIssued(certificate) ? path : null;
  } catch {
    return null; // missing or broken, which is said where the store was opened
  }
}

/** `password` as it is to be shown. */
export function settingsCard(settings: SubmissionSettings, password: string): string {
  const { certificate_names: names, ca_certificate: ca } = settings;
  const { server, addresses, ports, user_name: user, aliases, senders } = settings;
  const otherwise =
    addresses.length === 0 ? [] : [`or ${addresses.join(', ')} if the device does not find that name`];
  const lines: readonly (readonly [string, readonly string[]])[] = [
    [
      'Server',
      names === null
        ? [server, ...otherwise]
        : [`${names.join(' or ')} (your certificate is not good for ${server})`],
    ],
    ['Port, security', ports.map((port, index) => `${index === 0 ? '' : 'or '}${portWords(port)}`)],
    ['User name', [user, ...aliases.map(alias => `or ${alias}`)]],
    ['Password', [password]],
    [
      'Sender',
      [settings.sender ?? senders?.join(', ') ?? 'any address that your provider lets you send from'],
    ],
    [
      'CA certificate',
      [
        ca === null
          ? 'none needed: the certificate is your own'
          : settings.own_certificate
            ? `the certificate itself, ${ca}`
            : ca,
      ],
    ],
  ];
  const rows = lines.flatMap(([name, values]) =>
    values.map((value, index) => [index === 0 ? name : '', value] as const),
  );
  return facts(rows, '  ');
}

/** Devices name the same two things differently. */
function portWords({ port, security, only_on: address }: Port): string {
  const words = security === 'STARTTLS' ? 'STARTTLS (some say TLS)' : 'SSL/TLS (some say SSL)';
  return `${port}, ${words}${address === null ? '' : `, only on ${address}`}`;
}

/** Where devices fetch the CA certificate; null where nothing listens for them. */
function publicAddress({ config: { public: http } }: Server, host: string): string | null {
  if (http.listen === null || http.listen.port === 0 || isLoopback(http.listen.address)) return null;
  const listen = isEvery(http.listen.address) ? { ...http.listen, address: host } : http.listen;
  return `http://${formatListenAddress(listen)}/ca.crt`;
}

function isEvery(address: string): boolean {
  return address === '::' || address === '0.0.0.0';
}

/** Which a person would rather type. */
function ipv4First(one: string, other: string): number {
  return Number(one.includes(':')) - Number(other.includes(':'));
}
