import { expect, it } from 'vitest';
import { createDenialReports } from '../../server/submission/denial-reports.ts';
import { SHARE_FULL } from '../../server/submission/message-place.ts';
import { tooLarge } from '../../server/submission/policy.ts';
import { createMovableClock } from '../accounts/support.ts';

const large = tooLarge({ messageSize: 500, sizeLimitOf: null, recipients: 1 });

it('says at once what an account may not do, then once a minute with how often, account by account', () => {
  const clock = createMovableClock();
  const said: string[] = [];
  const report = createDenialReports({
    clock,
    log: (_event, fields) => {
      const { account, reason, count }: Readonly<Record<string, unknown>> = { ...fields };
      said.push(`${account} ${reason} ${count}`);
    },
  });
  const deny = (account: string, denial = SHARE_FULL) =>
    report({ session: 's', address: '192.0.2.1', account }, denial);

  for (let i = 0; i < 12_000; i++) deny('scanner');
  deny('scanner', large);
  deny('printer');
  expect(said).toEqual(['scanner queue-share 1', 'scanner message-size 1', 'printer queue-share 1']);

  clock.move(60_000);
  deny('scanner');
  expect(said.at(-1)).toBe('scanner queue-share 12000');
});
