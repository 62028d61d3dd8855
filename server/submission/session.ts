// One SMTP session as a dialogue: a command line in, an action out. It knows the protocol and who the client is; it knows
// no socket, file or clock. Session and transaction are two values; STARTTLS forgets what was said in clear (RFC 3207 §4.2).
// Nothing after AUTH, and no unknown verb, is ever handed to the log: devices send passwords out of step.

import type { Principal } from '../accounts/principal.ts';
import { beginExchange, type ExchangeStep } from '../sasl/exchange.ts';
import type { Mechanism } from '../sasl/mechanism.ts';
import { parseCommand } from '../smtp/command.ts';
import { parseMail, parseRcpt } from '../smtp/envelope.ts';
import { parseHello } from '../smtp/hello.ts';
import { formatLines, formatReply, isRefusal, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { type Authenticate, judgeExchange } from './authentication.ts';
import { keywords } from './ehlo.ts';
import { envelopeReply } from './envelope-replies.ts';
import {
  checkAuth,
  checkAuthenticated,
  checkData,
  checkMail,
  checkMayBegin,
  checkRcpt,
  type Limits,
  type Standing,
} from './policy.ts';
import { type Transaction, withRecipient } from './transaction.ts';

/** What the connection must do about a command. `wire` is the reply as octets in latin1-safe ASCII. */
export type Action =
  | Readonly<{ kind: 'reply'; wire: string; verb: string; reply: Reply }>
  /** Say this and close. */
  | Readonly<{ kind: 'close'; wire: string; verb: string; reply: Reply }>
  /** Say this, then begin the TLS handshake. */
  | Readonly<{ kind: 'starttls'; wire: string; verb: string; reply: Reply }>
  /** Take the message: 354 unless the disk says otherwise. */
  | Readonly<{
      kind: 'data';
      transaction: Transaction;
      principal: Principal;
      hello: string;
      extended: boolean;
    }>;

export type Session = Readonly<{
  /** `line` is without its line end. Commands must be handed over one at a time, in order. */
  command: (line: Uint8Array) => Action | Promise<Action>;
  /** TLS is up: everything learned before is forgotten, but that the client once said EHLO. */
  secured: () => void;
  /** The transaction ended, well or badly. */
  transactionEnded: () => void;
  principal: () => Principal | null;
  /** An AUTH exchange waits for its next line: that line is no command, whatever it looks like. */
  inExchange: () => boolean;
}>;

export type SessionSettings = Readonly<{
  hostname: string;
  limits: Limits;
  /** The listener does STARTTLS; false on one with implicit TLS. */
  offersStartTls: boolean;
  mechanisms: readonly Mechanism[];
  /** The failed login that ends the connection. */
  failedLogins: number;
  /** Whether the account may still send: asked at each MAIL, so that disabling it ends long sessions too. */
  isInForce: (principal: Principal) => boolean;
}>;

/** Wrong commands, of any kind, that one connection may send. */
const MAX_ERRORS = 20;
const MAX_UNKNOWN = 10;
/** Commands without a login: enough for every probe, too few to keep a server busy. */
const MAX_UNAUTHENTICATED = 100;
const HTTP = /^(GET|POST|HEAD|PUT|DELETE|OPTIONS|TRACE|CONNECT)$/;

type Handler = (argument: Uint8Array) => Action | Reply | Promise<Action | Reply>;

export function createSession(
  settings: SessionSettings,
  authenticate: Authenticate,
  secureFromStart: boolean,
): Session {
  const { hostname, limits } = settings;
  let secure = secureFromStart;
  let hello: string | null = null;
  let greeted = false;
  let extended = false;
  let principal: Principal | null = null;
  let transaction: Transaction | null = null;
  let exchange: Extract<ExchangeStep, { kind: 'challenge' }> | null = null;
  let failures = 0;
  let errors = 0;
  let unknown = 0;
  let unauthenticated = 0;

  const standing = (): Standing => ({ secure, greeted, principal, transaction });

  /** An account that was disabled or removed meanwhile sends nothing more, in the middle of a transaction either. */
  const dropIfRevoked = () => {
    if (principal && !settings.isInForce(principal)) {
      principal = null;
      transaction = null;
    }
  };

  const greet = (argument: Uint8Array) => {
    hello = parseHello(argument);
    greeted = true;
    transaction = null; // RFC 5321 §4.1.4: EHLO resets like RSET
  };

  const ehlo: Handler = argument => {
    greet(argument);
    extended = true;
    const wire = formatLines(250, keywords(settings, secure));
    return { kind: 'reply', wire, verb: 'EHLO', reply: say(replies.hello, { hostname }) };
  };

  const helo: Handler = argument => {
    greet(argument);
    extended = false;
    return say(replies.hello, { hostname });
  };

  const starttls: Handler = argument => {
    if (!settings.offersStartTls) return replies.unknownCommand;
    if (secure) return say(replies.badSequence, { reason: 'TLS is already active' });
    if (argument.length > 0) return say(replies.badArguments, { reason: 'STARTTLS takes no parameters' });
    return {
      kind: 'starttls',
      wire: formatReply(replies.readyForTls),
      verb: 'STARTTLS',
      reply: replies.readyForTls,
    };
  };

  const auth: Handler = argument => {
    const refused = checkAuth(standing());
    if (refused) return refused;
    // Latin-1 keeps every octet apart; the exchange decodes strictly.
    return follow(beginExchange(Buffer.from(argument).toString('latin1'), settings.mechanisms));
  };

  const follow = (step: ExchangeStep): Reply | Promise<Action | Reply> => {
    exchange = step.kind === 'challenge' ? step : null;
    if (step.kind === 'challenge') return say(replies.challenge, { challenge: step.text });
    return judgeExchange(step, authenticate).then(judged => {
      principal = judged.principal;
      if (judged.counts) failures++;
      const over = failures >= settings.failedLogins || judged.reply.code === 421;
      return over ? close('AUTH', say(replies.tooManyFailures, { hostname })) : judged.reply;
    });
  };

  const mail: Handler = argument => {
    dropIfRevoked();
    const early = checkMayBegin(standing());
    if (early) return early;
    const parsed = parseMail(argument, hostname);
    if (parsed.kind === 'refused') return envelopeReply(parsed, 'sender');
    const refused = checkMail(standing(), parsed, limits);
    if (refused) return refused;
    const { path, size, body, smtputf8 } = parsed;
    transaction = { reversePath: path, forwardPaths: [], declaredSize: size, body, smtputf8 };
    return replies.senderOk;
  };

  const rcpt: Handler = argument => {
    const early = checkAuthenticated(standing());
    if (early) return early;
    if (!transaction) return say(replies.badSequence, { reason: 'Send MAIL first' });
    const parsed = parseRcpt(argument, hostname);
    if (parsed.kind === 'refused') return envelopeReply(parsed, 'recipient');
    const refused = checkRcpt(transaction, parsed, limits);
    if (refused) return refused;
    transaction = withRecipient(transaction, parsed.path);
    return replies.recipientOk;
  };

  const data: Handler = argument => {
    dropIfRevoked();
    const refused = checkData(standing());
    if (refused) return refused;
    if (argument.length > 0) return say(replies.badArguments, { reason: 'DATA takes no parameters' });
    if (!transaction || !principal) throw new Error('checkData let a message pass without a principal');
    return { kind: 'data', transaction, principal, hello: hello ?? '', extended };
  };

  const handlers: Readonly<Record<string, Handler>> = {
    EHLO: ehlo,
    HELO: helo,
    STARTTLS: starttls,
    AUTH: auth,
    MAIL: mail,
    RCPT: rcpt,
    DATA: data,
    RSET: () => {
      transaction = null;
      return replies.ok;
    },
    NOOP: () => replies.ok,
    HELP: () => replies.help,
    VRFY: () => replies.cannotVerify,
    QUIT: () => close('QUIT', replies.bye),
  };

  /** Counts what goes wrong, so that garbage ends the connection and not the server. */
  const finish = (result: Action | Reply, verb: string): Action => {
    if ('kind' in result && result.kind !== 'reply') return result;
    const reply = 'kind' in result ? result.reply : result;
    const wire = 'kind' in result ? result.wire : formatReply(reply);
    if (isRefusal(reply) && reply.code !== 535 && reply.code !== 530) errors++;
    if (errors >= MAX_ERRORS || unknown >= MAX_UNKNOWN || unauthenticated >= MAX_UNAUTHENTICATED) {
      return close(verb, say(replies.tooManyErrors, { hostname }));
    }
    return { kind: 'reply', wire, verb, reply };
  };

  return {
    command: line => {
      if (!principal) unauthenticated++;
      if (exchange) return settle(follow(exchange.next(line)), 'AUTH', finish);
      const { verb, argument } = parseCommand(line);
      const handler = Object.hasOwn(handlers, verb) ? handlers[verb] : undefined;
      if (handler) return settle(handler(argument), verb, finish);
      if (HTTP.test(verb)) return close('HTTP', say(replies.notSmtp, { hostname }));
      unknown++;
      return finish(replies.unknownCommand, 'unknown');
    },
    secured: () => {
      secure = true;
      hello = null;
      principal = null;
      transaction = null;
      exchange = null;
    },
    transactionEnded: () => {
      transaction = null;
      errors = 0;
    },
    principal: () => principal,
    inExchange: () => exchange !== null,
  };
}

function settle(
  result: Action | Reply | Promise<Action | Reply>,
  verb: string,
  finish: (result: Action | Reply, verb: string) => Action,
): Action | Promise<Action> {
  return result instanceof Promise ? result.then(value => finish(value, verb)) : finish(result, verb);
}

function close(verb: string, reply: Reply): Action {
  return { kind: 'close', wire: formatReply(reply), verb, reply };
}
