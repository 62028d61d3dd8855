// One SMTP session as a dialogue: a command line in, an action out. It knows the protocol and who the client is; it knows
// no socket, file or clock. Session and transaction are two values; STARTTLS forgets what was said in clear (RFC 3207 §4.2).
// Nothing after AUTH, and no unknown verb, is ever handed to the log: devices send passwords out of step.

import type { AccountPolicy } from '../accounts/account-policy.ts';
import type { Principal } from '../accounts/principal.ts';
import type { SendingCheck } from '../accounts/sending-limits.ts';
import { beginExchange, type ExchangeStep } from '../sasl/exchange.ts';
import type { ExchangeContext, Mechanism } from '../sasl/mechanism.ts';
import { parseCommand } from '../smtp/command.ts';
import { parseHello } from '../smtp/hello.ts';
import { formatLines, formatReply, type Reply } from '../smtp/reply.ts';
import { replies, say } from '../smtp/reply-table.ts';
import { type Action, close, denied, replied } from './action.ts';
import { type Authenticate, judgeExchange, replyTo } from './authentication.ts';
import { type CommandLimits, createCommandCount } from './command-limits.ts';
import { keywords } from './ehlo.ts';
import { createExposureWatch, type Exposure } from './exposure.ts';
import { createMailCommands } from './mail-commands.ts';
import { checkAuth, type Denial, type Limits } from './policy.ts';

export type Session = Readonly<{
  /** `line` is without its line end. Commands must be handed over one at a time, in order. */
  command: (line: Uint8Array) => Action | Promise<Action>;
  /** TLS is up: everything learned before is forgotten, but that the client once said EHLO. */
  secured: () => void;
  /** A command came that is too long to be looked at. */
  lineTooLong: () => Action;
  /** The answer to DATA where there is no place for the message now: it stays as it was, and may be tried again. */
  noPlace: (denial: Denial) => Action;
  /** The transaction ended, well or badly. */
  transactionEnded: (end: Readonly<{ accepted: boolean }>) => void;
  principal: () => Principal | null;
  /** An AUTH exchange waits for its next line: that line is no command, whatever it looks like. */
  inExchange: () => boolean;
}>;

export type SessionSettings = Readonly<{
  hostname: string;
  /** Those of the server, as they are now: what the upstreams take may change. */
  limits: () => Limits;
  /** The listener does STARTTLS; false on one with implicit TLS. */
  offersStartTls: boolean;
  /** The failed login that ends the connection. */
  failedLogins: number;
}> &
  CommandLimits;

/** What a session knows of accounts, for its client. */
export type SessionLogins = Readonly<{
  authenticate: Authenticate;
  /** What EHLO lists for this address at this moment, in its order. */
  offered: () => readonly Mechanism[];
  /** What may be used: also what is not listed, because it failed here for another account. */
  accepted: () => readonly Mechanism[];
  exchange: Omit<ExchangeContext, 'listedPlus'>;
  /** What the principal may do now; null where its account may not send any more. Asked at each MAIL and DATA. */
  standing: (principal: Principal) => AccountPolicy | null;
  /** How much accounts may send. */
  sending: SendingCheck;
  /** A password was sent in clear. */
  exposed: (exposure: Exposure) => void;
}>;

const PLUS = 'SCRAM-SHA-256-PLUS';
const HTTP = /^(GET|POST|HEAD|PUT|DELETE|OPTIONS|TRACE|CONNECT)$/;

type Handler = (argument: Uint8Array) => Action | Reply | Promise<Action | Reply>;

export function createSession(
  settings: SessionSettings,
  logins: SessionLogins,
  { secureFromStart }: Readonly<{ secureFromStart: boolean }>,
): Session {
  const { hostname } = settings;
  const exposure = createExposureWatch();
  let secure = secureFromStart;
  let hello: string | null = null;
  let greeted = false;
  let extended = false;
  let principal: Principal | null = null;
  let exchange: Extract<ExchangeStep, { kind: 'challenge' }> | null = null;
  /** Verified, while the client has yet to hear our proof. */
  let pending: Principal | null = null;
  let listedPlus = false;
  let failures = 0;
  const count = createCommandCount(settings);

  const client = () => ({ secure, greeted, principal });
  const logOut = () => {
    principal = null;
  };
  const mail = createMailCommands({ settings, logins, client, logOut });

  const greet = (argument: Uint8Array) => {
    hello = parseHello(argument);
    greeted = true;
    mail.reset(); // RFC 5321 §4.1.4: EHLO resets like RSET
  };

  const ehlo: Handler = argument => {
    greet(argument);
    extended = true;
    const offered = logins.offered();
    listedPlus = secure && offered.some(mechanism => mechanism.name === PLUS);
    const wire = formatLines(250, keywords(settings, { secure, offered }));
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
    const refused = checkAuth({ ...client(), transaction: mail.transaction() });
    if (refused) {
      if (!secure) reportExposure(exposure.authRefused(argument));
      return refused;
    }
    const context = { ...logins.exchange, listedPlus: () => listedPlus };
    // Latin-1 keeps every octet apart; the exchange decodes strictly.
    return follow(beginExchange(Buffer.from(argument).toString('latin1'), logins.accepted(), context));
  };

  const reportExposure = (found: Exposure | null) => {
    if (found) logins.exposed(found);
  };

  const follow = (step: ExchangeStep): Reply | Promise<Action | Reply> => {
    exchange = step.kind === 'challenge' ? step : null;
    if (step.kind === 'challenge') return say(replies.challenge, { challenge: step.text });
    const proven = pending;
    pending = null;
    if (step.kind === 'complete') return proven ? loggedIn(proven) : replies.credentialsInvalid;
    // The login was right, but its last step went wrong: no guess, so it does not count as one.
    if (proven) return step.kind === 'refused' ? replyTo(step.refusal) : replies.credentialsInvalid;
    return judgeExchange(step, logins.authenticate).then(judged => {
      if (judged.kind === 'verified') {
        if (judged.proof === null) return loggedIn(judged.principal);
        pending = judged.principal;
        return follow(judged.proof);
      }
      if (judged.counts) failures++;
      const over = failures >= settings.failedLogins || judged.reply.code === 421;
      return over ? close('AUTH', say(replies.tooManyFailures, { hostname })) : judged.reply;
    });
  };

  const loggedIn = (account: Principal): Reply => {
    principal = account;
    return replies.authenticated;
  };

  const mailed = (verb: string, answer: Reply | Denial): Action | Reply =>
    'reason' in answer ? denied(verb, answer) : answer;

  const data: Handler = argument => {
    const answer = mail.data(argument);
    return 'kind' in answer ? { ...answer, kind: 'data', hello: hello ?? '', extended } : answer;
  };

  const handlers: Readonly<Record<string, Handler>> = {
    EHLO: ehlo,
    HELO: helo,
    STARTTLS: starttls,
    AUTH: auth,
    MAIL: argument => mailed('MAIL', mail.mail(argument)),
    RCPT: argument => mailed('RCPT', mail.rcpt(argument)),
    DATA: data,
    RSET: () => {
      mail.reset();
      return replies.ok;
    },
    NOOP: () => replies.ok,
    HELP: () => replies.help,
    VRFY: () => replies.cannotVerify,
    QUIT: () => close('QUIT', replies.bye),
  };

  /** Every answer comes through here: none escapes the limits. */
  const finish = (result: Action | Reply, verb: string): Action => {
    const action = 'kind' in result ? result : replied(verb, result);
    if (action.kind === 'close') return action;
    if (action.kind === 'reply')
      count.answered(action.reply, { verb, inTransaction: mail.transaction() !== null });
    return count.isTooMuch({ loggedIn: principal !== null })
      ? close(verb, say(replies.tooManyErrors, { hostname }))
      : action;
  };

  return {
    command: line => {
      count.asked();
      if (exchange) return settle(follow(exchange.next(line)), 'AUTH', finish);
      const { verb, argument } = parseCommand(line);
      const handler = Object.hasOwn(handlers, verb) ? handlers[verb] : undefined;
      if (handler) return settle(handler(argument), verb, finish);
      if (HTTP.test(verb)) return close('HTTP', say(replies.notSmtp, { hostname }));
      count.unknown();
      if (!secure) reportExposure(exposure.unknownLine(line));
      return finish(replies.unknownCommand, 'unknown');
    },
    secured: () => {
      secure = true;
      hello = null;
      principal = null;
      mail.reset();
      exchange = null;
      pending = null;
      listedPlus = false;
    },
    lineTooLong: () => {
      count.asked();
      return finish(replies.lineTooLong, 'unknown');
    },
    noPlace: denial => finish(denied('DATA', denial), 'DATA'),
    transactionEnded: end => {
      mail.reset();
      count.transactionEnded(end);
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
