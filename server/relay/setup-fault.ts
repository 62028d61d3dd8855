// Judges what went wrong before MAIL: name resolution, connection, greeting, EHLO, STARTTLS, TLS, authentication.
// All of it is the upstream's state and never a message's fault, whatever the reply's class: a 5xx here fails nothing.
// The texts say what happened and what to do. Pure.

import type { Stage, UpstreamFault } from '../queue/outcome.ts';
import type { ClientFailure } from '../sasl/client-mechanism.ts';
import { MECHANISM_NAMES } from '../sasl/mechanisms.ts';
import { faultText } from './classify.ts';
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
}>;

export type Place = Readonly<{ upstream: string; host: string; port: number; scheme: string }>;

export function classifySetup(trouble: SetupTrouble, place: Place): UpstreamFault {
  const { stage, reply } = trouble;
  const fault = (kind: UpstreamFault['kind'], text: string): UpstreamFault => ({
    kind,
    stage,
    reply: reply === null || reply.line === '' ? null : reply.line,
    text,
  });
  if (reply !== null && reply.code !== null) return byReply(trouble, reply, place, fault);
  if (trouble.errorCode !== null && isTlsCode(trouble.errorCode)) {
    const { errorCode: code, certificateNames: names, message } = trouble;
    return fault('tls', explainTls({ code, host: place.host, names, message }));
  }
  if (stage === 'starttls') {
    return fault('tls', `The TLS handshake with ${place.host} did not come to an end (${trouble.message}).`);
  }
  return fault('unreachable', unreachableText(trouble, place));
}

/** No login is possible with what the upstream offers. `offered`: its SASL mechanisms. */
export function noCommonMechanism(offered: readonly string[], place: Place): UpstreamFault {
  const text =
    offered.length === 0
      ? `${place.upstream} offers no login, but the upstream has a user name. Check host and port, or set a URL without user.`
      : `${place.upstream} offers none of the logins that Postern can do (${MECHANISM_NAMES.join(', ')}), only ${offered.join(', ')}.`;
  return { kind: 'credentials', stage: 'auth', reply: null, text };
}

/** The password cannot be read back: the sealing key is not the one it was sealed with. */
export function passwordUnreadable(upstream: string): UpstreamFault {
  const text = `The password of ${upstream} cannot be read with this sealing key. Set it again with \`postern upstream set ${upstream} --password-stdin\`, or bring back the right sealing.key.`;
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
  if (trouble.stage === 'auth') return loginRefused(reply, upstream, fault);
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

function loginRefused(reply: RemoteReply, upstream: string, fault: MakeFault): UpstreamFault {
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
  return fault('credentials', faultText('credentials', upstream));
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

function timeoutText(trouble: SetupTrouble, { host, port, scheme }: Place): string {
  if (trouble.stage === 'greeting' && scheme !== 'smtps') {
    return `${host} port ${port} took the connection and said nothing. If the port wants TLS from the start (465 usually does), use smtps:// in the upstream's URL.`;
  }
  return trouble.stage === 'connect'
    ? `${host} does not answer on port ${port}. Check host and port; many Internet providers block port 25.`
    : `${host} did not answer in time.`;
}
