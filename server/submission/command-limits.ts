// How much one client may ask for without getting anywhere: so that garbage, and a device that tries the same for ever, end
// the connection and not the server. Logins and recipients have limits of their own.

import { isRefusal, type Reply } from '../smtp/reply.ts';

/** The last that is borne: in all without an accepted message or without a login, wrong ones in a row, unknown ones. */
export type CommandLimits = Readonly<{
  commands: number;
  commandsBeforeLogin: number;
  wrongCommands: number;
  unknownCommands: number;
}>;

export type CommandCount = Readonly<{
  asked: () => void;
  unknown: () => void;
  answered: (reply: Reply, about: Readonly<{ verb: string; inTransaction: boolean }>) => void;
  transactionEnded: (end: Readonly<{ accepted: boolean }>) => void;
  isTooMuch: (client: Readonly<{ loggedIn: boolean }>) => boolean;
}>;

export function createCommandCount(limits: CommandLimits): CommandCount {
  let commands = 0;
  let errors = 0;
  let unknown = 0;

  return {
    asked: () => {
      commands++;
    },
    unknown: () => {
      unknown++;
    },
    answered: (reply, { verb, inTransaction }) => {
      if (!isRefusal(reply)) errors = 0;
      else if (!isNormalRefusal(reply, verb, inTransaction)) errors++;
    },
    transactionEnded: ({ accepted }) => {
      errors = 0;
      if (accepted) commands = 0;
    },
    isTooMuch: ({ loggedIn }) =>
      errors >= limits.wrongCommands ||
      unknown >= limits.unknownCommands ||
      commands >= (loggedIn ? limits.commands : limits.commandsBeforeLogin),
  };
}

/** Of a long list of recipients any number may be refused (RFC 5321 §4.5.3.1.10). */
function isNormalRefusal({ code }: Reply, verb: string, inTransaction: boolean): boolean {
  return code === 535 || code === 530 || (verb === 'RCPT' && inTransaction);
}
