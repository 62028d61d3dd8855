// Which address a message without a From gets (RFC 6409 §8.1): scanners and UPSes leave it out, providers refuse that.

import { type Path, parsePath } from '../smtp/path.ts';

export type SenderFacts = Readonly<{
  /** The sender that the operator gave the account, or null. */
  accountSender: string | null;
  reversePath: Path;
  /** Any printable name; often an address itself. */
  accountName: string;
  hostname: string;
}>;

/** An addr-spec: the account's sender, else the reverse-path, else one made from the account's name. */
export function chooseFrom({ accountSender, reversePath, accountName, hostname }: SenderFacts): string {
  if (accountSender !== null) {
    const sender = parsePath(accountSender, hostname);
    if (!('kind' in sender)) return sender.text;
  }
  if (reversePath.text !== '') return reversePath.text;
  const named = parsePath(accountName, hostname);
  return 'kind' in named ? `postmaster@${hostname}` : named.text;
}
