// Judges what went wrong before MAIL: name resolution, connection, greeting, EHLO, STARTTLS, TLS, authentication.
// All of it is the upstream's state and never a message's fault, whatever the reply's class: a 5xx here fails nothing.
// The texts say what happened and what to do. Pure.

import type { Stage, UpstreamFault } from '../queue/outcome.ts';
import type { ClientFailure, TokenRefusal } from '../sasl/client-mechanism.ts';
import { TOKEN_MECHANISM_NAMES } from '../sasl/client-mechanisms.ts';
import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import { faultText } from './classify.ts';
import { knownRefusal } from './known-refusals.ts';
import type { RemoteReply } from './remote-reply.ts';
import { replyMeaning } from './reply-meaning.ts';
import { explainTls, isTlsCode } from './tls-words.ts';

/** What is known about a connection that did not come to MAIL. */
export type SetupTrouble = Readonly<{
  stage: Extract<Stage, 'connect' | 'greeting' | 'ehlo' | 'starttls' | 'auth'>;
  reply: RemoteReply | null;
  /** The innermost error code: `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED`, `ETIMEDOUT` …; null with a reply. */
  errorCode: string | null;
  message: string;
  /** Names in the certificate that was shown, where the error says them. */
  certificateNames: readonly string[];
  /** What the upstream said of our access token before its reply. */
  tokenRefusal?: TokenRefusal;
}>;

export type Place = Readonly<{
  upstream: string;
  host: string;
  port: number;
  scheme: string;
  /** We log in with access tokens (OAuth2), not with a password. */
  byToken: boolean;
}>;

export function classifySetup(trouble: SetupTrouble, place: Place): UpstreamFault {
  const { stage, reply } = trouble;
  const fault = (kind: UpstreamFault['kind'], text: string): UpstreamFault => ({
    kind,
    stage,
    reply: reply === null || reply.line === '' ? null : reply.line,
    text,
  });
  if (reply !== null && reply.code !== null) {
    const said = byReply(trouble, reply, place, fault);
    const known = knownRefusal(stage, reply, place.upstream, place.byToken ? 'token' : 'password');
    return { ...said, text: `${known ?? said.text}${tokenRefusalText(trouble)}` };
  }
  if (trouble.errorCode !== null && isTlsCode(trouble.errorCode)) {
    const { errorCode: code, certificateNames: names, message } = trouble;
    return fault('tls', explainTls({ code, host: place.host, names, message, isApi: isApi(place) }));
  }
  if (stage === 'starttls') {
    return fault('tls', `The TLS handshake with ${place.host} did not come to an end (${trouble.message}).`);
  }
  return fault('unreachable', unreachableText(trouble, place));
}

/** No login is possible with what the upstream offers. `offered`: its SASL mechanisms. */
export function noCommonMechanism(offered: readonly string[], place: Place): UpstreamFault {
  return {
    kind: 'credentials',
    stage: 'auth',
    reply: null,
    text: place.byToken ? noTokenMechanismText(offered, place) : noPasswordMechanismText(offered, place),
  };
}

function noPasswordMechanismText(offered: readonly string[], { upstream }: Place): string {
  if (offered.length === 0)
    return `${upstream} offers no login, but the upstream has a user name. Check host and port, or set a URL without user.`;
  const wantsToken = offered.some(name => TOKEN_MECHANISM_NAMES.includes(name));
  const advice = wantsToken
    ? ` It wants OAuth2 instead of a password: set it up with \`postern upstream set ${upstream} --oauth-client-id ID\`, then \`postern upstream authorize ${upstream}\`.`
    : '';
  return `${upstream} offers none of the logins that Postern can do with a password (${MECHANISM_NAMES.join(', ')}), only ${offered.join(', ')}.${advice}`;
}

function noTokenMechanismText(offered: readonly string[], { upstream, host, port }: Place): string {
  const others = offered.length === 0 ? 'no login at all' : `only ${offered.join(', ')}`;
  return `${upstream} is set up for OAuth2, and ${host} port ${port} does not offer it for SMTP (${TOKEN_MECHANISM_NAMES.join(' or ')}): it offers ${others}. Check host and port; if they are right, the provider takes a password there.`;
}

/** The password cannot be read back: the sealing key is not the one it was sealed with. */
export function passwordUnreadable(upstream: string): UpstreamFault {
  const text = `The password of ${upstream} cannot be read with this sealing key. Set it again with \`postern upstream set ${upstream} --password-stdin\`, or bring back the right sealing.key.`;
  return { kind: 'credentials', stage: 'auth', reply: null, text };
}

/** OAuth2 needs the mailbox whose token it is. */
export function userNameMissing(upstream: string): UpstreamFault {
  const text = `The upstream ${upstream} has no user name, and its login needs one. Put the mailbox into its URL: \`postern upstream set ${upstream} --url smtp+starttls://USER@HOST:PORT\`.`;
  return { kind: 'credentials', stage: 'auth', reply: null, text };
}

/** We broke the login off, because of what the upstream answered. */
export function loginBroken(failure: ClientFailure, mechanism: string, place: Place): UpstreamFault {
  const text = brokenText(failure, mechanism, place);
  return { kind: 'credentials', stage: 'auth', reply: null, text };
}

function brokenText(failure: ClientFailure, mechanism: string, { upstream, host }: Place): string {
  switch (failure) {
    case 'malformed':
      return `The login to ${upstream} with ${mechanism} was broken off: what ${host} answered does not follow the standard. Check host and port; if they are right, its operator must mend it.`;
    case 'few-iterations':
      return `The login to ${upstream} was broken off: ${host} protects the password with fewer than 4096 iterations of ${mechanism} (RFC 7677), so that whoever recorded the login could guess it. Its operator must raise them.`;
    case 'many-iterations':
      return `The login to ${upstream} was broken off: ${host} asks for more than 1 000 000 iterations of ${mechanism}, which would only keep this machine busy. Its operator must lower them.`;
    case 'foreign-nonce':
    case 'unproved':
      return `The login to ${upstream} was broken off: ${host} did not prove that it knows the password, as ${mechanism} demands. It may be another server in between. Check host and port, and what is between here and there.`;
    default:
      return failure satisfies never;
  }
}

type MakeFault = (kind: UpstreamFault['kind'], text: string) => UpstreamFault;

function byReply(trouble: SetupTrouble, reply: RemoteReply, place: Place, fault: MakeFault): UpstreamFault {
  const { upstream, host } = place;
  const meaning = replyMeaning(trouble.stage, reply);
  if (meaning === 'quota' || meaning === 'throttled' || meaning === 'address-blocked') {
    return fault(meaning === 'address-blocked' ? 'unreachable' : meaning, faultText(meaning, upstream));
  }
  if (trouble.stage === 'auth') return loginRefused(reply, place, fault);
  if (trouble.stage === 'starttls') {
    return fault(
      'tls',
      `${host} does not offer STARTTLS on port ${place.port}, so password and mail would be readable on the way. Try smtps:// (usually port 465), or check host and port.`,
    );
  }
  // smtp-relay.gmail.com answers 421-4.7.0 "(EHLO)" to names that it does not like.
  if (trouble.stage === 'ehlo') {
    return fault(
      'unreachable',
      `${upstream} refused our EHLO. If it does not like the name, set another with \`postern upstream set ${upstream} --ehlo-name NAME\`.`,
    );
  }
  if (reply.code === 421 && (reply.enhanced ?? '').startsWith('4.7.')) {
    return fault('throttled', faultText('throttled', upstream));
  }
  return fault('unreachable', `${upstream} takes no connections from us just now.`);
}

function loginRefused(reply: RemoteReply, { upstream, byToken }: Place, fault: MakeFault): UpstreamFault {
  if (reply.code === 421) return fault('throttled', faultText('throttled', upstream));
  if (reply.code !== null && reply.code < 500) {
    return fault('credentials', `${upstream} could not check our login just now; it will be tried again.`);
  }
  if (reply.code === 504) {
    return fault(
      'credentials',
      `${upstream} takes none of the logins that it offers and that Postern can do.`,
    );
  }
  if (!byToken) return fault('credentials', faultText('credentials', upstream));
  const advice =
    'Check that the user name is the mailbox whose owner consented, and that this mailbox may send by SMTP; then authorise Postern once more';
  const text = `${upstream} does not accept our access token. ${advice}: \`postern upstream authorize ${upstream}\`.`;
  return fault('credentials', text);
}

/** What it said of the token is in no reply, and often the only thing that tells what is wrong with it. */
function tokenRefusalText({ tokenRefusal }: SetupTrouble): string {
  const { status = null, scope = null } = tokenRefusal ?? {};
  const said = [
    ...(status === null ? [] : [`status ${status}`]),
    ...(scope === null ? [] : [`scope ${scope}`]),
  ];
  return said.length === 0 ? '' : ` Of the token it says: ${said.join(', ')}.`;
}

function unreachableText(trouble: SetupTrouble, place: Place): string {
  const { host, port, upstream } = place;
  switch (trouble.errorCode) {
    case 'ENOTFOUND':
    case 'ENODATA':
    case 'ENODOMAIN':
      return `The name ${host} does not exist. Check the upstream's URL for a typing error.`;
    case 'EAI_AGAIN':
    case 'ETIMEOUT':
    case 'ESERVFAIL':
    case 'EREFUSED':
    case 'EDNS':
      return `The name ${host} cannot be looked up just now. Check this machine's network and DNS.`;
    case 'ECONNREFUSED':
      return `Nothing listens on ${host} port ${port}. Check host and port; a firewall may also refuse the connection.`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return `There is no way to ${host} from here. Check this machine's network.`;
    case 'ETIMEDOUT':
      return timeoutText(trouble, place);
    default:
      return trouble.reply === null
        ? `${upstream} (${host} port ${port}) broke the connection before a message was sent (${trouble.message}).`
        : `${host} port ${port} does not answer like a mail server. Check host and port.`;
  }
}

function timeoutText(trouble: SetupTrouble, place: Place): string {
  const { host, port, scheme } = place;
  if (isApi(place) && trouble.stage === 'connect')
    return `${host} does not answer on port ${port}. Check host and port; a firewall may drop what goes there.`;
  if (trouble.stage === 'greeting' && scheme !== 'smtps') {
    return `${host} port ${port} took the connection and said nothing. If the port wants TLS from the start (465 usually does), use smtps:// in the upstream's URL.`;
  }
  return trouble.stage === 'connect'
    ? `${host} does not answer on port ${port}. Check host and port; many Internet providers block port 25.`
    : `${host} did not answer in time.`;
}

function isApi({ scheme }: Place): boolean {
  return /\+https?$/.test(scheme);
}
