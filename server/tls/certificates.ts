// The certificates of this server, current at any time: the local CA's or the operator's own. Watches the files and the
// time, and tells the listeners when there is something new. What is in use is replaced only by what was tried out.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import { type RandomBytes, systemRandom } from '../ids.ts';
import { fileStamp, type PairPaths } from './certificate-files.ts';
import type { CertificateDescription, RenewResult } from './certificate-source.ts';
import { createLocalCertificates } from './local-certificates.ts';
import { createOwnCertificate } from './own-certificate.ts';
import type { KeyMaterial } from './secure-context.ts';

export type CertificatesOptions = Readonly<{
  /** DATA/tls. Made where missing. */
  folder: string;
  /** The name chosen for this server (see host-name.ts). */
  hostname: string;
  /** Names and addresses of `tls.names`. */
  names: readonly string[];
  /** The stable addresses of this machine, as they are now (see local-addresses.ts). */
  addresses: () => readonly string[];
  clock: Clock;
  clockTrusted: () => boolean;
  log: Log;
  /** The operator's own certificate and key, paths to PEM files. With it, no local CA is made. */
  own?: PairPaths;
  random?: RandomBytes;
  /**
   * `serve` (the default) watches and keeps up to date. `command` only makes what is missing, and renews when asked: a
   * command may see another configuration than the server (the environment of a service), whose names it must not undo.
   */
  mode?: 'serve' | 'command';
  /** How often the files are looked at; half a second unless a test is in a hurry. */
  lookEvery?: DurationMs;
}>;

export type Certificates = Readonly<{
  /** PEM of every leaf and its key. Hand it to `listenerTls`. */
  current: () => KeyMaterial;
  /** Calls back with every later material. It has been tried out: making a context of it does not throw. */
  onChange: (listener: (material: KeyMaterial) => void) => void;
  /** What devices must trust (PEM), or null with the operator's own certificate. */
  caCertificate: () => string | null;
  describe: () => CertificateDescription;
  /** New leaves with new keys, by the same CA. Refused for the operator's own certificate. */
  renew: () => Promise<RenewResult>;
  /** Stops watching. The watch does not keep a process alive. */
  close: () => void;
}>;

const LOOK_EVERY: DurationMs = 500;
/** Addresses may come late at boot, and a clock may become right: a minute is soon enough, and costs no disk access. */
const CHECK_EVERY: DurationMs = 60_000;

/** Loads or makes them. Throws a refused start where what is there cannot be used. */
export async function createCertificates(options: CertificatesOptions): Promise<Certificates> {
  const source =
    options.own === undefined
      ? await createLocalCertificates({
          ...options,
          random: options.random ?? systemRandom,
          keepUp: options.mode !== 'command',
        })
      : await createOwnCertificate(options.own, options);
  const listeners: ((material: KeyMaterial) => void)[] = [];
  let announced = JSON.stringify(source.material());
  let loadedStamp = await fileStamp(source.files);
  let seenStamp = loadedStamp;
  let checkedAt = options.clock.monotonic();
  let busy = false;

  const announce = () => {
    const material = source.material();
    const text = JSON.stringify(material);
    if (text === announced) return;
    announced = text;
    for (const listener of listeners) listener(material);
  };

  const look = async () => {
    const stamp = await fileStamp(source.files);
    // Certificate and key are two files, and few programs replace both at one stroke: wait until they rest.
    if (stamp !== loadedStamp && stamp === seenStamp) {
      loadedStamp = stamp;
      await source.reload();
    }
    seenStamp = stamp;
    if (options.clock.monotonic() - checkedAt >= CHECK_EVERY) {
      checkedAt = options.clock.monotonic();
      await source.check();
    }
    announce();
  };

  const onTick = () => {
    if (busy) return;
    busy = true;
    look().finally(() => {
      busy = false;
    });
  };
  const timer = options.mode === 'command' ? undefined : setInterval(onTick, options.lookEvery ?? LOOK_EVERY);
  timer?.unref();

  return {
    current: source.material,
    onChange: listener => void listeners.push(listener),
    caCertificate: source.caCertificate,
    describe: source.describe,
    renew: async () => {
      const result = await source.renew();
      announce();
      return result;
    },
    close: () => clearInterval(timer),
  };
}
