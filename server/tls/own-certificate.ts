// The operator's own certificate (tls.certificate, tls.key) in place of the local CA's. Postern reads it, tries it out
// and takes a changed one over without a restart; it never writes it. A changed one that cannot be used is not taken, nor one
// that has expired while the one in use has not.

import type { Clock, EpochMs } from '../clock.ts';
import type { Log } from '../events.ts';
import { refusedStart } from '../refused-start.ts';
import { type Pair, type PairPaths, readPair } from './certificate-files.ts';
import { type CertificateSource, certificateFacts } from './certificate-source.ts';
import { type KeyMaterial, tryMaterial } from './secure-context.ts';

type Reading = Readonly<{ kind: 'usable'; pair: Pair }> | Readonly<{ kind: 'unusable'; text: string }>;

const SOON = 7 * 86_400_000;

/** Throws a refused start where the files cannot be used. An expired certificate is used, with a warning. */
export async function createOwnCertificate(
  paths: PairPaths,
  deps: Readonly<{ clock: Clock; clockTrusted: () => boolean; log: Log }>,
): Promise<CertificateSource> {
  const first = await readTried(paths);
  if (first.kind === 'unusable') {
    throw refusedStart(
      `The certificate of tls.certificate and tls.key cannot be used: ${first.text}. ` +
        'Correct the files, or remove both settings to use the local CA.',
    );
  }
  let pair = first.pair;
  let lastWarnings = '';

  const warnings = () => (deps.clockTrusted() ? doubts(paths, pair, deps.clock.now()) : []);
  const warnOnce = () => {
    const found = warnings();
    const text = found.join(' ');
    if (text !== '' && text !== lastWarnings) deps.log('certificate.doubtful', { text });
    lastWarnings = text;
  };
  warnOnce();

  /** By a clock that cannot be believed, nothing has expired. */
  const hasExpired = ({ parsed }: Pair) =>
    deps.clockTrusted() && deps.clock.now() > parsed.validToDate.getTime();

  const reject = (why: string) =>
    deps.log('certificate.rejected', { text: `${why}. The certificate before stays in use.` });

  return {
    files: [paths.certificate, paths.key],
    material: () => materialOf(pair),
    caCertificate: () => null,
    describe: () => {
      const facts = certificateFacts(pair.parsed);
      const keyType = pair.parsed.publicKey.asymmetricKeyType ?? 'unknown';
      const listed = { ...facts, key_type: keyType, path: paths.certificate };
      return { kind: 'own', ...facts, ca: null, certificates: [listed], warnings: warnings() };
    },
    reload: async () => {
      const reading = await readTried(paths);
      if (reading.kind === 'unusable') return reject(reading.text);
      if (reading.pair.certificate === pair.certificate && reading.pair.key === pair.key) return;
      if (hasExpired(reading.pair) && !hasExpired(pair)) {
        return reject(`${paths.certificate} expired on ${reading.pair.parsed.validToDate.toISOString()}`);
      }
      pair = reading.pair;
      deps.log('certificate.issued', {
        names: certificateFacts(pair.parsed).names,
        expires_at: pair.parsed.validToDate.toISOString(),
        reason: 'its file changed',
      });
      warnOnce();
    },
    check: async () => warnOnce(),
    renew: async () => ({
      kind: 'refused',
      text: `${paths.certificate} is your own certificate: renew it where it comes from. Postern takes a changed file over by itself.`,
    }),
  };
}

async function readTried(paths: PairPaths): Promise<Reading> {
  const reading = await readPair(paths);
  if (reading.kind === 'missing') return { kind: 'unusable', text: `${reading.path} does not exist` };
  if (reading.kind === 'unusable') return reading;
  const problem = tryMaterial(materialOf(reading.pair));
  if (problem === null) return { kind: 'usable', pair: reading.pair };
  return { kind: 'unusable', text: `TLS refuses ${paths.certificate} with ${paths.key}: ${problem}` };
}

/** What works, but will make clients that check certificates refuse it. */
function doubts(paths: PairPaths, pair: Pair, now: EpochMs): readonly string[] {
  const found: string[] = [];
  const end = pair.parsed.validToDate;
  const start = pair.parsed.validFromDate;
  if (now > end.getTime()) {
    found.push(
      `${paths.certificate} expired on ${end.toISOString()}: clients that check it do not send. Renew it.`,
    );
  } else if (now > end.getTime() - SOON) {
    found.push(`${paths.certificate} expires on ${end.toISOString()}: renew it before.`);
  }
  if (now < start.getTime()) {
    found.push(`${paths.certificate} is not valid before ${start.toISOString()}, by this machine's clock.`);
  }
  if (pair.parsed.subjectAltName === undefined) {
    found.push(`${paths.certificate} has no subject alternative names: current clients do not accept that.`);
  }
  return found;
}

function materialOf(pair: Pair): KeyMaterial {
  return { cert: [pair.certificate], key: [pair.key] };
}
