// `postern certificate …`: what devices see, and what they must trust.

import type { CertificateDescription } from '../tls/certificate-source.ts';
import { type Call, type Command, done, failed, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts } from './output.ts';

export const certificateCommands: readonly Command[] = [
  {
    name: 'certificate show',
    argument: '',
    means: 'show the certificates in use and the CA that devices must trust',
    options: [],
    printsData: true,
    needs: 'store',
    run: async (_call, store) => shown('', store.certificates.describe()),
  },
  {
    name: 'certificate renew',
    argument: '',
    means: 'make new server certificates by the same CA; devices need no change',
    options: [],
    printsData: true,
    needs: 'store',
    run: renew,
  },
];

async function renew(_call: Call, store: CommandStore): Promise<Result> {
  const result = await store.certificates.renew();
  if (result.kind === 'refused') return failed(result.text);
  return shown(
    'New certificates are in use. Devices that trust the CA need no change.\n\n',
    store.certificates.describe(),
  );
}

function shown(headline: string, description: CertificateDescription): Result {
  const { ca, certificates, warnings } = description;
  const blocks = certificates.map(certificate =>
    facts([
      ['Certificate', `${certificate.key_type}, ${certificate.path}`],
      ['Names', certificate.names.join(', ')],
      ['Valid', `${certificate.not_before.slice(0, 10)} to ${certificate.not_after.slice(0, 10)}`],
      ['SHA-256', certificate.fingerprint_sha256],
    ]),
  );
  if (ca !== null) {
    blocks.unshift(
      facts([
        ['CA', `${ca.path} (devices must trust this one)`],
        ['Subject', ca.subject],
        ['Valid', `${ca.not_before.slice(0, 10)} to ${ca.not_after.slice(0, 10)}`],
        ['SHA-256', ca.fingerprint_sha256],
      ]),
    );
  }
  return done(`${headline}${blocks.join('\n\n')}`, description, { warnings });
}
