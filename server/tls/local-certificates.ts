// The certificates of the local CA: loads the CA and both leaves from their folder, makes what is missing, and makes
// leaves anew when they age. Another process (`certificate renew`) may do the same at any time: what is on disk counts.
// While the clock cannot be trusted, a leaf is made only where none can be used: it is then dated by the build.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { BUILD_DATE } from '../build.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../events.ts';
import type { RandomBytes } from '../ids.ts';
import { refusedStart } from '../refused-start.ts';
import type { Authority } from './authority.ts';
import { makeFolder, type PairPaths, readPair, writePair } from './certificate-files.ts';
import { type CertificateSource, certificateFacts, type RenewResult } from './certificate-source.ts';
import { type Leaf, type LeafAge, type LeafKind, leafAge, leafKinds, makeLeaf, makeLeafKey } from './leaf.ts';
import { authorityPaths, type LocalAuthority, loadAuthority } from './local-authority.ts';
import { type KeyMaterial, tryMaterial } from './secure-context.ts';
import { type SubjectName, subjectNames } from './subject-names.ts';

export type LocalOptions = Readonly<{
  folder: string;
  hostname: string;
  names: readonly string[];
  addresses: () => readonly string[];
  clock: Clock;
  clockTrusted: () => boolean;
  log: Log;
  random: RandomBytes;
  /** Whether leaves are made anew when they age; otherwise only when none can be used, or when asked. */
  keepUp: boolean;
}>;

type Leaves = Readonly<Record<LeafKind, Leaf>>;

/** What the folder holds of the leaves: all usable, or why not and what can be kept of it. */
type Stock =
  | Readonly<{ kind: 'usable'; leaves: Leaves }>
  | Readonly<{ kind: 'lacking'; reason: 'missing' | 'unusable' | 'signed by another CA'; keys: Keys }>;

type Keys = Readonly<Partial<Record<LeafKind, string>>>;

/** Throws a refused start where the CA is damaged or nothing can be written. */
export async function createLocalCertificates(options: LocalOptions): Promise<CertificateSource> {
  const { folder, clock, clockTrusted, log } = options;
  const paths = authorityPaths(folder);
  let authority: LocalAuthority = await openFolder(options);
  let leaves: Leaves;
  let lastProblem = '';
  /** The certificate last loaded or made. */
  let known: string | null = null;

  const names = (): readonly SubjectName[] => subjectNames({ ...options, addresses: options.addresses() });

  const aged = (candidate: Leaves): LeafAge | null => {
    if (!options.keepUp || !clockTrusted()) return null;
    const end = authority.parsed.validToDate.getTime();
    for (const kind of leafKinds) {
      const age = leafAge(new X509Certificate(candidate[kind].certificate), names(), clock.now(), end);
      if (age !== null) return age;
    }
    return null;
  };

  const report = ({ ec }: Leaves, reason: string) => {
    const { names: shown, not_after } = certificateFacts(new X509Certificate(ec.certificate));
    log('certificate.issued', { names: shown, expires_at: not_after, reason });
    known = ec.certificate;
  };

  const issue = async (reason: string, keys: Keys): Promise<Leaves> => {
    const plan = { names: names(), now: clockTrusted() ? clock.now() : BUILD_DATE };
    const made = await issueLeaves(folder, authority, plan, keys, options.random);
    report(made, reason);
    return made;
  };

  /** The leaves on disk where they are good, else new ones. */
  const upToDate = async (): Promise<Leaves> => {
    const stock = await readStock(folder, authority);
    if (stock.kind === 'lacking') return issue(stock.reason, stock.keys);
    const age = aged(stock.leaves);
    if (age === null) {
      if (known !== null && known !== stock.leaves.ec.certificate) report(stock.leaves, 'its file changed');
      known = stock.leaves.ec.certificate;
      return stock.leaves;
    }
    // A new name is no reason for a new key: a device that pinned the key goes on trusting it. Age is one.
    return issue(age, age === 'expires soon' ? {} : keysOf(stock.leaves));
  };

  /** Does something to the leaves; where it fails, the ones in use stay, and the log says so once. */
  const attempt = async (act: () => Promise<Leaves>): Promise<RenewResult> => {
    try {
      authority = await rereadAuthority(folder);
      leaves = await act();
      lastProblem = '';
      return { kind: 'renewed' };
    } catch (error) {
      const text = `The certificates in ${folder} stay as they are: ${oneLine(error)}`;
      if (text !== lastProblem) log('certificate.rejected', { text });
      lastProblem = text;
      return { kind: 'refused', text };
    }
  };

  try {
    leaves = await upToDate();
  } catch (error) {
    throw refusedStart(
      `No certificate can be made in ${folder}: ${oneLine(error)}. Is the disk full or read-only?`,
      error,
    );
  }

  return {
    files: leafKinds.flatMap(kind => Object.values(leafPaths(folder, kind))),
    material: () => materialOf(leaves),
    caCertificate: () => authority.certificate,
    describe: () => describeLocal(folder, paths, authority, leaves),
    reload: async () => void (await attempt(upToDate)),
    check: async () => {
      if (aged(leaves) !== null) await attempt(upToDate);
    },
    renew: () => attempt(() => issue('asked for', {})),
  };
}

async function openFolder(options: LocalOptions): Promise<LocalAuthority> {
  try {
    await makeFolder(options.folder);
    return await loadAuthority(options.folder, options.hostname, options.random);
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      throw refusedStart(`The local CA cannot be stored in ${options.folder}: ${oneLine(error)}.`, error);
    }
    throw error;
  }
}

/** Unlike at the start, a CA that has gone is not made anew under a running server: that needs a person. */
async function rereadAuthority(folder: string): Promise<LocalAuthority> {
  const reading = await readPair(authorityPaths(folder));
  if (reading.kind === 'pair') return { ...reading.pair, made: false };
  throw new Error(reading.kind === 'missing' ? `${reading.path} is missing` : reading.text);
}

async function readStock(folder: string, authority: LocalAuthority): Promise<Stock> {
  const found: Partial<Record<LeafKind, Leaf>> = {};
  const keys: Partial<Record<LeafKind, string>> = {};
  let reason: 'missing' | 'unusable' | 'signed by another CA' | null = null;
  for (const kind of leafKinds) {
    const reading = await readPair(leafPaths(folder, kind));
    if (reading.kind === 'missing') reason = 'missing';
    else if (reading.kind === 'unusable') reason = 'unusable';
    else if (keyKind(reading.pair.parsed) !== kind) reason = 'unusable';
    else {
      keys[kind] = reading.pair.key;
      if (reading.pair.parsed.verify(authority.parsed.publicKey)) found[kind] = reading.pair;
      else reason = 'signed by another CA';
    }
  }
  const { ec, rsa } = found;
  if (reason === null && ec !== undefined && rsa !== undefined)
    return { kind: 'usable', leaves: { ec, rsa } };
  return { kind: 'lacking', reason: reason ?? 'unusable', keys };
}

/** Makes both leaves, so that they always carry the same names and dates, with the keys given or new ones. */
async function issueLeaves(
  folder: string,
  authority: Authority,
  plan: Readonly<{ names: readonly SubjectName[]; now: number }>,
  keys: Keys,
  random: RandomBytes,
): Promise<Leaves> {
  const make = async (kind: LeafKind): Promise<Leaf> =>
    makeLeaf({ ...plan, authority, key: keys[kind] ?? (await makeLeafKey(kind)) }, random);
  const made = { ec: await make('ec'), rsa: await make('rsa') };
  const problem = tryMaterial(materialOf(made));
  if (problem !== null) throw new Error(`TLS refuses what was made: ${problem}`);
  for (const kind of leafKinds) await writePair(leafPaths(folder, kind), made[kind], random);
  return made;
}

function leafPaths(folder: string, kind: LeafKind): PairPaths {
  return { certificate: join(folder, `leaf-${kind}.crt`), key: join(folder, `leaf-${kind}.key`) };
}

function keyKind(certificate: X509Certificate): string | undefined {
  return certificate.publicKey.asymmetricKeyType;
}

function keysOf(leaves: Leaves): Keys {
  return { ec: leaves.ec.key, rsa: leaves.rsa.key };
}

function materialOf(leaves: Leaves): KeyMaterial {
  return {
    cert: leafKinds.map(kind => leaves[kind].certificate),
    key: leafKinds.map(kind => leaves[kind].key),
  };
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
}

function describeLocal(folder: string, paths: PairPaths, authority: LocalAuthority, leaves: Leaves) {
  return {
    kind: 'local' as const,
    ...certificateFacts(new X509Certificate(leaves.ec.certificate)),
    ca: { ...certificateFacts(authority.parsed), path: paths.certificate },
    certificates: leafKinds.map(kind => ({
      ...certificateFacts(new X509Certificate(leaves[kind].certificate)),
      key_type: kind,
      path: leafPaths(folder, kind).certificate,
    })),
    warnings: [],
  };
}
