// A mechanism that failed at an address because the account lacks what it needs, or may not use it, is not listed there in
// EHLO for some days, so that the device falls back to another; PLAIN or LOGIN also give the account what it lacks. A device
// that uses it all the same is heard. Listed again once it would work, and always where it worked for another device, or
// where several accounts log in: one must not take it from the others. EHLO must not tell which accounts exist: a part of
// all names that are no accounts pretends to lack the same. PLAIN and LOGIN are always listed.

import type { Clock, DurationMs } from '../clock.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Withheld, WithheldMechanisms } from '../storage/withheld-mechanisms.ts';

export type MechanismWithholding = Readonly<{
  /** By the name that EHLO shows. */
  isWithheld: (mechanism: string, address: ClientAddress) => boolean;
  /** A login was right. */
  succeeded: (mechanism: string, address: ClientAddress) => void;
  /** A login was refused. `cannotUse`: because the account has no secret for the mechanism, or may not use it. */
  refused: (login: RefusedLogin) => void;
}>;

export type RefusedLogin = Readonly<{
  mechanism: string;
  address: ClientAddress;
  cannotUse: boolean;
  /** Null where there is no account of that name. */
  accountId: string | null;
  nameTag: string;
}>;

type Deps = Readonly<{
  kept: Pick<WithheldMechanisms, 'withhold' | 'at' | 'release'>;
  keyOf: (address: ClientAddress) => string;
  /** Whether the account could not log in by this mechanism at this moment. */
  cannotUse: (accountId: string, mechanism: string) => boolean;
  /** Several accounts log in from there. */
  isShared: (addressKey: string) => boolean;
  clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Of how many addresses and mechanisms it is remembered that they go together. */
  most?: number;
}>;

const DAY: DurationMs = 24 * 3_600_000;
const FOR = 3 * DAY;
const LATELY = 30 * DAY;
const MOST = 4_096;

const CRAM = ['CRAM-MD5'];
const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'];

export function createMechanismWithholding(deps: Deps): MechanismWithholding {
  const { kept, keyOf, cannotUse, clock, most = MOST } = deps;
  /** When a mechanism last worked at an address, the latest last. Lost with the process: then EHLO is the poorer for a while. */
  const worked = new Map<string, DurationMs>();

  const isOver = ({ endsAt, accountId, mechanism }: Withheld): boolean => {
    const left = endsAt - clock.now();
    // A clock that was set back must not make it longer.
    return left <= 0 || left > FOR || (accountId !== '' && !cannotUse(accountId, mechanism));
  };

  const workedLately = (mechanism: string, key: string): boolean => {
    const at = worked.get(`${key} ${mechanism}`);
    return at !== undefined && clock.monotonic() - at < LATELY;
  };

  return {
    isWithheld: (mechanism, address) => {
      const key = keyOf(address);
      const withheld = kept.at(key).filter(one => one.mechanism === mechanism);
      const inForce = withheld.filter(one => !isOver(one));
      for (const one of withheld) if (!inForce.includes(one)) kept.release(one);
      return inForce.length > 0 && !deps.isShared(key) && !workedLately(mechanism, key);
    },
    succeeded: (mechanism, address) => {
      const key = `${keyOf(address)} ${mechanism}`;
      worked.delete(key);
      worked.set(key, clock.monotonic());
      for (const oldest of worked.keys()) {
        if (worked.size <= most) break;
        worked.delete(oldest);
      }
    },
    refused: login => {
      for (const mechanism of toBeWithheld(login, cannotUse))
        kept.withhold({
          address: keyOf(login.address),
          mechanism,
          accountId: login.accountId ?? '',
          endsAt: clock.now() + FOR,
        });
    },
  };
}

/** The mechanism that was tried, and those that want for the same: with and without channel binding SCRAM is one. */
function toBeWithheld(
  { mechanism, accountId, cannotUse: useless, nameTag }: RefusedLogin,
  cannotUse: Deps['cannotUse'],
): readonly string[] {
  const alike = [CRAM, SCRAM].find(family => family.includes(mechanism)) ?? [];
  if (accountId === null) return pretendedLacks(nameTag).includes(mechanism) ? alike : [];
  if (!useless) return [];
  // An account may be narrowed to one of them.
  return alike.filter(one => one === mechanism || cannotUse(accountId, one));
}

/**
 * What a name that is no account pretends to lack, always the same, by twelve bits of its tag. Everything that a real account
 * can lack occurs: CRAM-MD5 for a weak password (the most common), all for a password from before there were any, SCRAM for
 * an alias that was added later. One in eight lacks something: enough to mislead who tries names, few enough for whoever
 * mistypes one.
 */
export function pretendedLacks(nameTag: string): readonly string[] {
  // No tag at all, where there was no name: lacks nothing.
  const bits = nameTag.length < 2 ? Number.NaN : Buffer.from(nameTag, 'base64url').readUInt16BE() >> 4;
  if (bits < 256) return CRAM;
  if (bits < 384) return [...CRAM, ...SCRAM];
  return bits < 512 ? SCRAM : [];
}
