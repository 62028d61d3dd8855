// The listeners with all that a session needs, put together from the configuration.

import type { Ground } from './ground.ts';
import type { Logins } from './logins.ts';
import { passwordMechanisms } from './sasl/mechanisms.ts';
import { createAdmission } from './submission/admission.ts';
import { createAuthenticator } from './submission/authenticator.ts';
import type { Intake } from './submission/intake.ts';
import { createSubmission, type Submission } from './submission/server.ts';
import type { Certificates } from './tls/certificates.ts';
import { listenerTls } from './tls/secure-context.ts';

export function createGate(
  ground: Ground,
  certificates: Certificates,
  logins: Logins,
  intake: Intake,
): Submission {
  const { config, clock, logging } = ground.deps;
  const { limits } = config;
  const { hostname } = ground.identity;
  const submission = createSubmission({
    listeners: config.listeners,
    material: listenerTls(certificates.current()),
    connections: limits.connections,
    settings: {
      hostname,
      limits: { messageSize: limits.message_size, recipients: limits.recipients },
      mechanisms: passwordMechanisms,
      failedLogins: limits.failed_logins,
      isInForce: logins.isInForce,
    },
    context: {
      deadlines: {
        idle: limits.idle_timeout,
        login: limits.login_timeout,
        command: limits.command_timeout,
        dataRate: limits.data_rate,
      },
      admission: createAdmission({
        hostname,
        connections: limits.connections,
        connectionsPerAddress: limits.connections_per_address,
      }),
      intake,
      authenticatorFor: createAuthenticator({ ...logins, log: logging.log }),
      clock,
      log: logging.log,
      logsCommands: config.log.level === 'debug',
    },
  });
  certificates.onChange(material => submission.useCertificates(listenerTls(material)));
  return submission;
}
