// The CA of this data folder: loaded from ca.crt and ca.key, or made when neither is there. A CA that devices were told
// to trust is never replaced: where a file is damaged or the key is gone, the start is refused and a person decides.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RandomBytes } from '../ids.ts';
import { refusedStart } from '../refused-start.ts';
import { type Authority, makeAuthority, makeAuthorityKey } from './authority.ts';
import { createKey, type PairPaths, readPair, writeCertificate } from './certificate-files.ts';

export type LocalAuthority = Authority & Readonly<{ parsed: X509Certificate; made: boolean }>;

export function authorityPaths(folder: string): PairPaths {
  return { certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') };
}

/** Loads the CA or makes it (`made`). Throws a refused start where it is there but cannot be used. */
export async function loadAuthority(
  folder: string,
  hostname: string,
  random: RandomBytes,
): Promise<LocalAuthority> {
  const paths = authorityPaths(folder);
  const reading = await readPair(paths);
  if (reading.kind === 'pair') return usable(paths, reading.pair);
  if (reading.kind === 'unusable') throw refused(paths, reading.text);
  if (reading.path === paths.key && !reading.both) {
    throw refused(paths, `${paths.certificate} is there but its key ${paths.key} is missing`);
  }
  if (reading.both) await createKey(paths.key, await makeAuthorityKey(), random);
  // Only the certificate is missing: the last start was cut off between the two files, or somebody removed it. The key
  // is what devices trust in truth. It is read back, because another process may have made it at the same moment.
  const key = await readKey(paths);
  const authority = await makeAuthority(key, hostname, random);
  await writeCertificate(paths.certificate, authority.certificate, random);
  return { ...authority, parsed: new X509Certificate(authority.certificate), made: true };
}

function usable(
  paths: PairPaths,
  pair: Readonly<{ certificate: string; key: string; parsed: X509Certificate }>,
): LocalAuthority {
  if (!pair.parsed.ca) throw refused(paths, `${paths.certificate} is not the certificate of a CA`);
  return { certificate: pair.certificate, key: pair.key, parsed: pair.parsed, made: false };
}

async function readKey(paths: PairPaths): Promise<string> {
  try {
    const key = await readFile(paths.key, 'utf8');
    createPrivateKey(key);
    return key;
  } catch (error) {
    throw refused(
      paths,
      `${paths.key} holds no usable private key: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function refused(paths: PairPaths, what: string): Error {
  return refusedStart(
    `The local CA cannot be used: ${what}. Restore both files from a backup; or move ${dirname(paths.key)} away to ` +
      'make a new CA, which every device must then be told to trust.',
  );
}
