// What a session may still do: asked for every message, so a change by the operator counts at once.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../server/accounts/principal.ts';
import { type ClientAddress, parseClientAddress } from '../../server/smtp/address.ts';
import { type Bench, openBench } from './support.ts';

const HOUR = 3_600_000;

function addressOf(text: string): ClientAddress {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
}

let bench: Bench;
let principal: Principal;
beforeEach(async () => {
  bench = await openBench();
  const result = await bench.accounts.add({ name: 'scanner', sender: 'scan@example.net' });
  if (result.kind !== 'done') throw new Error(result.text);
  principal = {
    accountId: result.account.id,
    name: 'scanner',
    sender: 'scan@example.net',
    credentialVersion: 1,
  };
});
afterEach(() => bench.close());

const standing = (address = '192.168.1.20') => bench.accounts.standing(principal, addressOf(address));

describe('the standing of a session', () => {
  it('is the policy as it is now', async () => {
    expect(standing()).toMatchObject({ sender: 'scan@example.net', messagesPerHour: null });
    await bench.accounts.set('scanner', { messagesPerHour: 5 });
    expect(standing()).toMatchObject({ messagesPerHour: 5 });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['disabled', () => bench.accounts.disable('scanner')],
    ['removed', () => bench.accounts.remove('scanner')],
    ['given another password', () => bench.accounts.setPassword('scanner', null)],
    ['expired', () => bench.accounts.set('scanner', { expiresAt: bench.clock.now() })],
    [
      'bound to other networks',
      () => bench.accounts.set('scanner', { networks: ['10.0.0.0/8', 'fd00::/8'] }),
    ],
  ])('is none once the account is %s', async (_, change) => {
    expect(standing()).not.toBeNull();
    await change();
    expect(standing()).toBeNull();
  });

  it('ends with time', async () => {
    await bench.accounts.set('scanner', { expiresAt: bench.clock.now() + HOUR });
    await bench.accounts.setPassword('scanner', null, { grace: HOUR / 2 });
    expect(standing()).not.toBeNull();
    bench.clock.move(HOUR / 2);
    expect(standing()).toBeNull();
    principal = { ...principal, credentialVersion: 2 };
    expect(standing()).not.toBeNull();
    bench.clock.move(HOUR / 2);
    expect(standing()).toBeNull();
  });

  it('follows the address', async () => {
    await bench.accounts.set('scanner', { networks: ['192.168.1.0/24', 'fd00::5'] });
    expect(standing('192.168.1.99')).not.toBeNull();
    expect(standing('::ffff:192.168.1.99')).not.toBeNull();
    expect(standing('fd00::5')).not.toBeNull();
    expect(standing('192.168.2.1')).toBeNull();
    expect(standing('fd00::6')).toBeNull();
  });
});
