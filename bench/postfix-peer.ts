// A fair Postfix: its own folder and port, Cyrus SASL from sasldb in process, TLS on both sides, no DNS, no chroot.
// Once with Debian's defaults, once at its best (`smtp_tls_connection_reuse=yes`).

import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateFiles } from '../test/support/certificate.ts';
import { freePort } from '../test/support/ports.ts';
import { postfixUid, startAgain, startMaster } from '../test/support/postfix.ts';
import { run } from '../test/support/process.ts';
import { makeScratch, removeScratch } from '../test/support/scratch.ts';
import { BENCH_LOGIN, MAX_SESSIONS, type Peer, type PeerUpstream } from './peer.ts';
import { endWrapped } from './processes.ts';

const REALM = 'bench.test';

export type PostfixPeerOptions = Readonly<{
  upstream: PeerUpstream;
  certificate: CertificateFiles;
  reuseConnections: boolean;
}>;

export async function preparePostfix(options: PostfixPeerOptions): Promise<Peer> {
  const folder = makeScratch('bp');
  chmodSync(folder, 0o755);
  const port = await freePort();
  await writeSasl(folder);
  writeFileSync(
    join(folder, 'upstream-password'),
    `[127.0.0.1]:${options.upstream.port} ${options.upstream.user}:${options.upstream.password}\n`,
  );
  let prepared = false;
  return {
    name: options.reuseConnections ? 'Postfix, reuse' : 'Postfix',
    port,
    folder,
    start: async (wrapper = []) => {
      const services = [`127.0.0.1:${port} inet n - n - - smtpd`];
      const settings = [...accepting(options.certificate), ...relaying(folder, options)];
      // The first start of all is never wrapped: it makes the folder.
      const master = prepared
        ? startAgain(folder, wrapper)
        : await startMaster({ folder, settings, services });
      prepared = true;
      return {
        pid: master.pid,
        stop: async () => {
          if (wrapper.length > 0) await endWrapped(master);
          await master.stop();
        },
      };
    },
    remove: async () => removeScratch(folder),
  };
}

async function writeSasl(folder: string): Promise<void> {
  const sasl = join(folder, 'config/sasl'); // where Debian's Postfix looks
  const database = join(folder, 'sasldb2');
  mkdirSync(sasl, { recursive: true });
  writeFileSync(
    join(sasl, 'smtpd.conf'),
    `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\nmech_list: PLAIN LOGIN\n`,
  );
  const set = await run(
    ['/usr/sbin/saslpasswd2', '-p', '-c', '-f', database, '-u', REALM, BENCH_LOGIN.user],
    {
      stdin: BENCH_LOGIN.password,
    },
  );
  if (set.code !== 0) throw new Error(`saslpasswd2 failed: ${set.stderr}`);
  chownSync(database, await postfixUid(), 0);
}

function accepting(certificate: CertificateFiles): readonly string[] {
  return [
    'myhostname = peer.bench.test',
    `default_process_limit = ${MAX_SESSIONS}`,
    'smtpd_client_connection_count_limit = 0',
    'smtpd_tls_auth_only = yes',
    'smtpd_tls_security_level = may',
    `smtpd_tls_cert_file = ${certificate.certificate}`,
    `smtpd_tls_key_file = ${certificate.key}`,
    'smtpd_sasl_auth_enable = yes',
    'smtpd_sasl_type = cyrus',
    'smtpd_sasl_path = smtpd',
    `smtpd_sasl_local_domain = ${REALM}`,
    'smtpd_relay_restrictions = permit_sasl_authenticated, reject',
    'message_size_limit = 104857600',
  ];
}

function relaying(folder: string, options: PostfixPeerOptions): readonly string[] {
  return [
    `relayhost = [127.0.0.1]:${options.upstream.port}`,
    'smtp_dns_support_level = disabled',
    'smtp_host_lookup = native',
    'smtp_tls_security_level = encrypt',
    `smtp_tls_CAfile = ${options.upstream.ca}`,
    `smtp_tls_session_cache_database = btree:${folder}/data/smtp_scache`,
    'smtp_sasl_auth_enable = yes',
    `smtp_sasl_password_maps = texthash:${folder}/upstream-password`,
    'smtp_sasl_security_options = noanonymous',
    `smtp_tls_connection_reuse = ${options.reuseConnections ? 'yes' : 'no'}`,
  ];
}
