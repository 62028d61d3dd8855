// What the operator is told about logins: what happened, why most likely, what to do. Pure. The name of an account is
// given only where there is such an account.

import type { DurationMs } from '../clock.ts';
import { NEAR_NETWORKS } from '../config/values.ts';
import { setPasswordCommand } from '../notification/account-command.ts';
import type { Alert } from '../notification/alert.ts';
import { lengthInWords } from '../smtp/waiting-time.ts';

type LoginAt = Readonly<{ account: string; address: string }>;

export function newAddressAlert({ account, address }: LoginAt): Alert {
  return {
    kind: 'new-address',
    subject: `${account} from ${address}`,
    text: `${account} logged in from ${address}, where it never was before. If that is no device of yours, give it a new password with: ${setPasswordCommand(account)}`,
    account,
    address,
  };
}

export function repeatedFailuresAlert({
  account,
  address,
  succeededLately,
}: LoginAt & Readonly<{ succeededLately: boolean }>): Alert {
  const cause = succeededLately
    ? 'It probably has an old password'
    : 'It probably has a wrong password, or somebody is guessing';
  return {
    kind: 'repeated-failures',
    subject: `${account} from ${address}`,
    text: `The logins of ${account} from ${address} fail again and again. ${cause}: type the right one into the device, or set a new one with: ${setPasswordCommand(account)}`,
    account,
    address,
  };
}

export function guessedAtAlert(account: string): Alert {
  return {
    kind: 'repeated-failures',
    subject: account,
    text: `Somebody guesses the password of ${account} from many addresses. Until that ends, only the devices that have logged in with it lately may use it. "postern ban list" shows who was banned.`,
    account,
  };
}

export function unknownAccountsAlert(address: string): Alert {
  return {
    kind: 'unknown-accounts',
    subject: address,
    text: `${address} tries one login name after the other, and none is an account. If it is a device of yours, correct the user name there ("postern account list" shows them); if not, somebody is guessing.`,
    address,
  };
}

export type BanFacts = Readonly<{
  /** The account that may not log in from there; null: a name that is no account, or the whole address. */
  account: string | null;
  whole: boolean;
  /** As bans name it: an address, or an IPv6 network. */
  address: string;
  failures: number;
  length: DurationMs;
}>;

export function bannedAlert(ban: BanFacts): Alert {
  const { account, whole, address, failures, length } = ban;
  const who = whole ? address : `${account ?? 'A login name that is no account'}, from ${address},`;
  return {
    kind: 'banned',
    subject: whole || account === null ? address : `${account} from ${address}`,
    text: `${who} was banned for ${lengthInWords(length)} after ${failures} different failed logins. If it is a device of yours, correct its login and lift the ban with: postern ban lift ${address}`,
    address,
    ...(account === null ? {} : { account }),
  };
}

/** For the audit, beside the address. */
export function banDetail({ account, whole, failures, length }: BanFacts): string {
  const what = whole ? 'the whole address' : (account ?? 'a name that is no account');
  return `${what}, for ${lengthInWords(length)}, after ${failures} different failed logins`;
}

export function exposedAlert({
  account,
  address,
}: Readonly<{ account: string | null; address: string }>): Alert {
  const sent = account === null ? 'A password was sent' : `A password was sent for ${account}`;
  const then =
    account === null
      ? 'then give its account a new password with: postern account password NAME'
      : `then give it a new password with: ${setPasswordCommand(account)}`;
  return {
    kind: 'password-exposed',
    subject: account === null ? address : `${account} from ${address}`,
    text: `${sent} without encryption from ${address}. If it was the right one, whoever listens there has it. Switch TLS on in the device, ${then}`,
    address,
    ...(account === null ? {} : { account }),
  };
}

export function networkRefusedAlert({
  address,
  network,
}: Readonly<{ address: string; network: string }>): Alert {
  return {
    kind: 'network-refused',
    subject: network,
    text: `A client at ${address} was sent away, because its network is not served. If it is yours, add ${address} or its network to the list in limits.networks of the configuration (with the words that stand there by default: ${NEAR_NETWORKS.join(', ')}); if not, keep the internet away from this port.`,
    address,
  };
}
