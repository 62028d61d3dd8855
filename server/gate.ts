// The listeners with all that a session needs, put together from the configuration.

import { setTimeout } from 'node:timers/promises';
import type { Ground } from './ground.ts';
import type { RandomBytes } from './ids.ts';
import type { Logins } from './logins.ts';
import type { MailPath } from './mail-path.ts';
import { createAccountConnections } from './submission/account-connections.ts';
import { createAdmission } from './submission/admission.ts';
import { createLoginsFor } from './submission/authenticator.ts';
import { createDoor } from './submission/door.ts';
import { createSubmission, type Submission } from './submission/server.ts';
import type { Certificates } from './tls/certificates.ts';
import { listenerTls } from './tls/secure-context.ts';

const NONCE_OCTETS = 18;
/** These compare with what is kept under the sealing key. */
const NEEDS_SECRET = /^(CRAM|SCRAM)-/;

export function createGate(
  ground: Ground,
  certificates: Certificates,
  logins: Logins,
  { intake, usage, limits: messageLimits }: Pick<MailPath, 'intake' | 'usage' | 'limits'>,
): Submission {
  const { config, clock, logging, random } = ground.deps;
  const { limits } = config;
  const { hostname } = ground.identity;
  const { guard } = logins;
  const { log } = logging;
  const submission = createSubmission({
    listeners: config.listeners,
    material: listenerTls(certificates.current()),
    connections: limits.connections,
    admission: createAdmission({
      ...guard,
      hostname,
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
    }),
    settings: {
      hostname,
      limits: messageLimits,
      failedLogins: limits.failed_logins,
      commands: limits.commands,
      commandsBeforeLogin: limits.commands_before_login,
      wrongCommands: limits.wrong_commands,
      unknownCommands: limits.unknown_commands,
    },
    context: {
      deadlines: {
        idle: limits.idle_timeout,
        login: limits.login_timeout,
        command: limits.command_timeout,
        dataRate: limits.data_rate,
      },
      commandLine: limits.command_line,
      door: createDoor({ ...guard, hostname, addressBan: guard.throttle.addressBan, clock, log }),
      intake,
      loginsFor: createLoginsFor({
        ...logins,
        ...guard,
        sending: usage.check,
        connections: createAccountConnections(limits.connections_per_account),
        exchange: {
          cramChallenge: () => `<${randomDigits(random)}.${Math.floor(clock.now() / 1000)}@${hostname}>`,
          scramNonce: () => Buffer.from(random(NONCE_OCTETS)).toString('base64url'),
          scramSalt: logins.verifier.scramSalt,
        },
        available: mechanism =>
          !NEEDS_SECRET.test(mechanism.name) || logins.verifier.challengeResponseAvailable(),
        wait: duration => setTimeout(duration),
      }),
      clock,
      log,
      logsCommands: config.log.level === 'debug',
    },
  });
  certificates.onChange(material => submission.useCertificates(listenerTls(material)));
  return submission;
}

/** Random digits for the left side of a CRAM-MD5 challenge (RFC 2195 §2). */
function randomDigits(random: RandomBytes): string {
  return Buffer.from(random(8)).readBigUInt64BE().toString();
}
