// A mechanism that failed at an address because the account lacks what it needs, or may not use it, is not offered there for
// some days, so that the device falls back to another; PLAIN or LOGIN also give the account what it lacks. Offered again
// once it would work. EHLO must not tell which accounts exist: a part of all names that are no accounts is treated the same.
// PLAIN and LOGIN are never withheld: other devices at that address may know nothing else.

import type { Clock, DurationMs } from '../clock.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Withheld, WithheldMechanisms } from '../storage/withheld-mechanisms.ts';

export type MechanismWithholding = Readonly<{
  /** By the name that EHLO shows. */
  isWithheld: (mechanism: string, address: ClientAddress) => boolean;
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
  clock: Pick<Clock, 'now'>;
}>;

const FOR: DurationMs = 3 * 24 * 3_600_000;
/** One in eight: many for whoever tries names, few for whoever mistyped one on a device that knows only this mechanism. */
const PRETENDS = /^[A-H]/;

export function createMechanismWithholding({ kept, keyOf, cannotUse, clock }: Deps): MechanismWithholding {
  const isOver = ({ endsAt, accountId, mechanism }: Withheld): boolean => {
    const left = endsAt - clock.now();
    // A clock that was set back must not make it longer.
    return left <= 0 || left > FOR || (accountId !== '' && !cannotUse(accountId, mechanism));
  };

  return {
    isWithheld: (mechanism, address) =>
      kept.at(keyOf(address)).some(withheld => {
        if (withheld.mechanism !== withoutBinding(mechanism)) return false;
        if (!isOver(withheld)) return true;
        kept.release(withheld);
        return false;
      }),
    refused: ({ mechanism, address, cannotUse: useless, accountId, nameTag }) => {
      if (!/^S?CRAM-/.test(mechanism)) return;
      const pretended = accountId === null && PRETENDS.test(nameTag);
      if (!useless && !pretended) return;
      kept.withhold({
        address: keyOf(address),
        mechanism: withoutBinding(mechanism),
        accountId: accountId ?? '',
        endsAt: clock.now() + FOR,
      });
    },
  };
}

/** With and without channel binding SCRAM needs the same. */
function withoutBinding(mechanism: string): string {
  return mechanism.replace(/-PLUS$/, '');
}
