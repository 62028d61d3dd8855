import { beforeEach, describe, expect, it } from 'vitest';
import type { Alert } from '../../server/notification/alert.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { createDoor, type Door } from '../../server/submission/door.ts';
import { createMovableClock } from '../accounts/support.ts';

const clock = createMovableClock();
let logged: unknown[];
let alerts: Alert[];
let door: Door;
beforeEach(() => {
  [logged, alerts] = [[], []];
  door = createDoor({
    hostname: 'postern.test',
    isServed: ({ text }) => text.startsWith('192.168.') || text.startsWith('fd'),
    addressBan: ({ text }) => (text === '192.168.1.66' ? 12 * 60_000 : null),
    clock,
    log: (event, fields) => {
      const { reason, address, count }: Readonly<Record<string, unknown>> = { ...fields };
      logged.push([event, reason, address, count]);
    },
    raise: alert => alerts.push(alert),
  });
});

const knock = (text: string) => {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return door({ session: 's', address });
};

describe('the door', () => {
  it('lets in whom it serves, without a word', () => {
    expect(knock('192.168.1.20')).toBeNull();
    expect(knock('fd00::5')).toBeNull();
    expect([logged, alerts]).toEqual([[], []]);
  });

  it('sends other networks away, and says so once for each', () => {
    for (const address of [
      '203.0.113.5',
      '203.0.113.6',
      '198.51.100.7',
      '2001:db8:1:2::3',
      '2001:db8:1:9::4',
    ])
      expect(knock(address)).toMatchObject({
        code: 554,
        enhanced: '5.7.1',
        text: 'postern.test Your network is not served here',
      });
    expect(logged).toEqual([
      ['session.refused', 'network', '203.0.113.5', 1],
      ['session.refused', 'network', '198.51.100.7', 1],
      ['session.refused', 'network', '2001:db8:1:2::3', 1],
    ]);
    // The alert path counts what is raised again.
    expect(new Set(alerts.map(({ subject }) => subject))).toEqual(
      new Set(['203.0.113.0/24', '198.51.100.0/24', '2001:db8:1::/48']),
    );
    clock.move(60_000);
    knock('203.0.113.9');
    expect(logged.at(-1)).toEqual(['session.refused', 'network', '203.0.113.9', 2]);
  });

  it('tells who is banned when to come back, in words', () => {
    for (let n = 0; n < 100; n++)
      expect(knock('192.168.1.66')).toMatchObject({
        code: 421,
        text: 'postern.test Too many failed logins from your address, try again in 12 minutes',
      });
    expect(logged).toEqual([['session.refused', 'ban', '192.168.1.66', 1]]);
  });
});
