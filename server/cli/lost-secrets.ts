// What the operator must give again where the sealing key is lost, or was not restored: as a list of what is at stake, as
// sentences with the commands, and as data.

import type { LostWithKey } from '../storage/lost-with-key.ts';
import { quoted } from './output.ts';

/** `the passwords of the upstreams a, b and the alert channels c`; empty: nothing. */
export function lossesOf(lost: LostWithKey): string {
  const lists = [
    ['the passwords of the upstreams', lost.upstreams],
    ['the client secrets of the upstreams', lost.clientSecrets],
    ['the keys of the service accounts of the upstreams', lost.serviceAccounts],
    ['the consents to send by the upstreams', lost.consents],
    ['the alert channels', lost.channels],
  ] as const;
  const losses = lists.flatMap(([what, names]) =>
    names.length === 0 ? [] : [`${what} ${names.join(', ')}`],
  );
  return losses.length < 2 ? losses.join('') : `${losses.slice(0, -1).join(', ')} and ${losses.at(-1)}`;
}

/** One line for each, beginning in lower case; in the order in which they are to be done. */
export function againLines(lost: LostWithKey): readonly string[] {
  const set = (name: string, options: string) => `postern upstream set ${quoted(name)} ${options}`;
  return [
    ...lost.upstreams.map(name => `give the upstream its password again: ${set(name, '--password-stdin')}`),
    ...lost.clientSecrets.map(
      name => `give the upstream its client secret again: ${set(name, '--oauth-client-secret-prompt')}`,
    ),
    ...lost.serviceAccounts.map(
      name =>
        `give the upstream the key of its service account again: ${set(name, '--oauth-service-account-file FILE')}`,
    ),
    ...lost.consents.map(
      name => `agree again that Postern sends by the upstream: postern upstream authorize ${quoted(name)}`,
    ),
    ...lost.channels.map(name => `add the alert channel again: ${name} (postern alert channel add)`),
  ];
}

export function lostItem(lost: LostWithKey): object {
  return {
    upstreams_without_password: lost.upstreams,
    upstreams_without_client_secret: [...lost.clientSecrets, ...lost.serviceAccounts],
    upstreams_without_consent: lost.consents,
  };
}
