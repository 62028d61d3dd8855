// A real upstream: Postfix with TLS and Dovecot SASL, in its own folder and ports, started as root.
// It keeps what it accepts in a maildir, so that a test can compare octets. Ends exactly what it started.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateFiles, makeCertificate } from './certificate.ts';
import { canConnect, freePort } from './ports.ts';
import { startMaster } from './postfix.ts';
import { type Program, startProgram, waitFor } from './process.ts';
import { makeScratch, removeScratch } from './scratch.ts';

/** Any recipient in this domain is kept; `refused@` gets 550, `later@` 451. */
export const DESTINATION = 'destination.test';
const NOBODY = 65_534;

export type PostfixUpstream = Readonly<{
  ports: Readonly<{ starttls: number; implicit: number }>;
  user: string;
  password: string;
  /** Its certificate, which is its own CA. */
  ca: string;
  /** What was delivered, with LF line ends and Postfix's own header lines before it, oldest first. */
  delivered: () => readonly Buffer[];
  log: () => string;
  stop: () => Promise<void>;
}>;

export type PostfixUpstreamOptions = Readonly<{
  /** SASL mechanisms that it offers, and no others. */
  mechanisms?: readonly string[];
  /** Takes access tokens and no password: it asks there whether a token is good, and for which mailbox (RFC 7662). */
  introspection?: string;
  /** The only senders that it takes, in the envelope and in the header: a regular expression. `<>` is none of them. */
  senders?: string;
}>;

export async function startPostfix(options: PostfixUpstreamOptions = {}): Promise<PostfixUpstream> {
  const folder = makeScratch('pf');
  chmodSync(folder, 0o755);
  const ports = { starttls: await freePort(), implicit: await freePort() };
  const credentials = { user: 'relay', password: 'Up$tream pässword#1' };
  const certificate = await makeCertificate(folder);
  const { introspection } = options;
  const { mechanisms = introspection === undefined ? ['PLAIN', 'LOGIN'] : ['XOAUTH2', 'OAUTHBEARER'] } =
    options;
  const passdb = introspection === undefined ? passwords(folder, credentials) : tokens(folder, introspection);
  const dovecot = startDovecot(folder, passdb, mechanisms);
  await waitFor('the socket of Dovecot', () => canConnect(join(folder, 'auth')));
  const mail = join(folder, 'mail');
  mkdirSync(mail);
  chownSync(mail, NOBODY, NOBODY);
  const recipients = join(folder, 'recipients');
  writeFileSync(recipients, '/^refused@/ 550 5.1.1 No such mailbox\n/^later@/ 451 4.2.1 Mailbox busy\n');
  const master = await startMaster({
    folder,
    settings: [
      ...upstreamSettings(folder, certificate),
      ...recipientSettings(recipients),
      ...(options.senders === undefined ? [] : senderSettings(folder, options.senders)),
    ],
    services: listeningServices(ports),
  });
  await waitFor('the port of Postfix', () => canConnect(ports.starttls));
  const inbox = join(folder, 'mail/inbox/new');
  return {
    ports,
    ...credentials,
    ca: certificate.certificate,
    delivered: () => listIfThere(inbox).map(name => readFileSync(join(inbox, name))),
    log: () => readFileSync(join(folder, 'mail.log'), 'utf8'),
    stop: async () => {
      await master.stop();
      await dovecot.stop();
      removeScratch(folder);
    },
  };
}

/** A passdb of one user. */
function passwords(folder: string, login: Readonly<{ user: string; password: string }>): string {
  const users = join(folder, 'users');
  writeFileSync(users, `${login.user}:{PLAIN}${login.password}\n`);
  return `passdb {\n driver = passwd-file\n args = ${users}\n}`;
}

/** A passdb that knows nobody: the token is good for whom the OAuth server says, and for no other user name. */
function tokens(folder: string, introspection: string): string {
  const config = join(folder, 'oauth2.conf');
  const lines = [
    `introspection_url = ${introspection}`,
    'introspection_mode = post',
    'username_attribute = username',
    'active_attribute = active',
    'active_value = true',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return `passdb {\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = ${config}\n}`;
}

function startDovecot(folder: string, passdb: string, mechanisms: readonly string[]): Program {
  const config = join(folder, 'dovecot.conf');
  const lines = [
    `base_dir = ${folder}/dovecot`,
    `state_dir = ${folder}/dovecot-state`,
    `log_path = ${folder}/dovecot.log`,
    'protocols =',
    'ssl = no',
    `auth_mechanisms = ${mechanisms.join(' ').toLowerCase()}`,
    'auth_username_format = %u',
    // By default failures cost seconds, and more each time: nobody guesses here.
    'auth_failure_delay = 0',
    'service anvil {\n unix_listener anvil-auth-penalty {\n  mode = 0\n }\n}',
    passdb,
    'userdb {\n driver = static\n args = uid=nobody gid=nogroup home=/nonexistent\n}',
    `service auth {\n unix_listener ${folder}/auth {\n  mode = 0666\n }\n}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return startProgram({
    command: ['/usr/sbin/dovecot', '-F', '-c', config],
    outputFolder: folder,
    name: 'dovecot',
  });
}

function upstreamSettings(folder: string, certificate: CertificateFiles): readonly string[] {
  return [
    'myhostname = upstream.test',
    `virtual_mailbox_domains = ${DESTINATION}`,
    `virtual_mailbox_base = ${folder}/mail`,
    'virtual_mailbox_maps = static:inbox/',
    `virtual_uid_maps = static:${NOBODY}`,
    `virtual_gid_maps = static:${NOBODY}`,
    'virtual_mailbox_limit = 0',
    'message_size_limit = 134217728',
    'smtpd_tls_security_level = encrypt',
    `smtpd_tls_cert_file = ${certificate.certificate}`,
    `smtpd_tls_key_file = ${certificate.key}`,
    'smtpd_tls_auth_only = yes',
    'smtpd_sasl_auth_enable = yes',
    'smtpd_sasl_type = dovecot',
    `smtpd_sasl_path = ${folder}/auth`,
    'smtpd_relay_restrictions = permit_sasl_authenticated, reject',
    // As careless as every Postfix was before 2023: what Postern sends must be safe for those too.
    'smtpd_forbid_bare_newline = no',
  ];
}

function recipientSettings(map: string): readonly string[] {
  return [
    `smtpd_recipient_restrictions = check_recipient_access regexp:${map}, permit_sasl_authenticated, reject`,
  ];
}

/** As providers do it: what is refused says nothing of the message, only of its sender. */
function senderSettings(folder: string, senders: string): readonly string[] {
  const [envelope, header] = [join(folder, 'senders'), join(folder, 'from')];
  writeFileSync(envelope, `/^${senders}$/ OK\n/^/ 553 5.7.1 Sender address rejected: not owned by user\n`);
  writeFileSync(
    header,
    `if /^(From|Sender):/\n!/[ <]${senders}>?$/ REJECT 5.7.60 Client does not have permissions to send as this sender\nendif\n`,
  );
  return [
    `smtpd_sender_restrictions = check_sender_access regexp:${envelope}`,
    `header_checks = regexp:${header}`,
  ];
}

function listeningServices(ports: PostfixUpstream['ports']): readonly string[] {
  return [
    `127.0.0.1:${ports.starttls} inet n - n - - smtpd`,
    `127.0.0.1:${ports.implicit} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes`,
  ];
}

function listIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
