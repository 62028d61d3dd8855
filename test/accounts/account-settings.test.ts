// What may be set of an account: every value in its canonical form, or a sentence that says why it cannot be used.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkSettings, type SomeSettings } from '../../server/accounts/account-settings.ts';
import { type Bench, openBench } from './support.ts';

describe('a setting', () => {
  it.each<[SomeSettings, SomeSettings]>([
    [{ sender: ' Scan@Example.NET ' }, { sender: 'Scan@example.net' }],
    [{ owner: 'me@Example.net' }, { owner: 'me@example.net' }],
    [
      { senders: ['Scan@Example.NET', 'example.com', '@Example.com', '*.example.org'] },
      { senders: ['Scan@example.net', '@example.com', '@*.example.org'] },
    ],
    [{ senders: ['a@example.net', '*'] }, { senders: null }],
    [{ recipients: ['@*.Example.com'] }, { recipients: ['@*.example.com'] }],
    [
      { networks: ['192.168.1.77/24', '10.0.0.1', 'FD00::1/8', '::ffff:10.0.0.1'] },
      { networks: ['192.168.1.0/24', '10.0.0.1/32', 'fd00::/8'] },
    ],
    [{ mechanisms: ['scram-sha-256', 'Plain', 'PLAIN'] }, { mechanisms: ['PLAIN', 'SCRAM-SHA-256'] }],
    [{ queueShare: { kind: 'percent', percent: 12.5 } }, { queueShare: { kind: 'percent', percent: 12.5 } }],
    [
      { messagesPerDay: 1, sender: null },
      { messagesPerDay: 1, sender: null },
    ],
  ])('%j is kept as %j', (wanted, kept) => {
    const checked = checkSettings(wanted);
    if (checked.kind !== 'settings') return expect.fail(checked.text);
    expect(checked.settings).toEqual(kept);
  });

  it.each<[SomeSettings, string]>([
    [{ sender: 'scanner' }, 'must be a whole address'],
    [{ owner: 'a b@example.net' }, 'owner must be a whole address'],
    [{ senders: ['scanner'] }, '"scanner" cannot be used'],
    [{ senders: ['@exa mple'] }, 'cannot be used'],
    [{ senders: ['a@b@c'] }, 'more than one @'],
    [{ senders: ['*@example.net', '@*example.net'] }, '"@*example.net" cannot be used'],
    [{ senders: [] }, 'No permitted senders are given'],
    [{ recipients: ['@'] }, '"@" cannot be used'],
    [{ networks: ['private'] }, '"private" is a word of limits.networks'],
    [{ networks: ['192.168.1.0/33'] }, 'is no network'],
    [{ networks: [] }, 'No network'],
    [{ mechanisms: ['NTLM'] }, '"NTLM" is no mechanism: give some of PLAIN, LOGIN'],
    [{ mechanisms: [] }, 'is no mechanism'],
    [{ messagesPerMinute: 0 }, 'messages per minute must be a whole number from 1 to 1000000000'],
    [{ recipientsPerDay: 1.5 }, 'recipients per day must be'],
    [{ messageSize: -1 }, 'The largest message must be'],
    [{ queueShare: { kind: 'percent', percent: 101 } }, 'at most 100 %'],
    [{ queueShare: { kind: 'percent', percent: 0.0000001 } }, 'at least 0.01 %'],
    [{ queueShare: { kind: 'octets', octets: 0 } }, 'more than nothing'],
  ])('%j is refused', (wanted, said) => {
    expect(checkSettings(wanted)).toMatchObject({
      kind: 'setting-invalid',
      text: expect.stringContaining(said),
    });
  });
});

describe('the settings of an account', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });
  afterEach(() => bench.close());

  const all = {
    sender: 'scan@example.net',
    senders: ['@example.net', 'a"b@example.com'],
    otherSenders: 'allow',
    recipients: ['me@example.com'],
    messagesPerMinute: 1,
    messagesPerHour: 2,
    messagesPerDay: 3,
    recipientsPerMessage: 4,
    recipientsPerDay: 5,
    messageSize: 6,
    queueShare: { kind: 'percent', percent: 7.5 },
  } as const;
  const beside = {
    mechanisms: ['PLAIN'],
    networks: ['10.0.0.0/8'],
    expiresAt: 1_900_000_000_000,
    owner: 'me@example.com',
    note: 'n',
  } as const;

  it('are all kept, changed one by one, and taken away', async () => {
    const senders = ['@example.net', '"a\\"b"@example.com'];
    await bench.accounts.add({ name: 'scanner', ...all, senders, ...beside });
    expect(bench.accounts.show('scanner')?.account).toMatchObject({ policy: { ...all, senders }, ...beside });

    await bench.accounts.set('scanner', {
      messagesPerHour: 20,
      queueShare: { kind: 'octets', octets: 1000 },
    });
    expect(bench.accounts.show('scanner')?.account).toMatchObject({
      policy: { ...all, senders, messagesPerHour: 20, queueShare: { kind: 'octets', octets: 1000 } },
      ...beside,
    });

    const none = Object.fromEntries([...Object.keys(all), ...Object.keys(beside)].map(key => [key, null]));
    await bench.accounts.set('scanner', { ...none, otherSenders: 'refuse' });
    const fresh = await bench.accounts.add({ name: 'fresh' });
    if (fresh.kind !== 'done') return expect.fail(fresh.text);
    const { id, name, canonicalName, createdAt, passwordChangedAt, ...rest } = fresh.account;
    expect(bench.accounts.show('scanner')?.account).toMatchObject(rest);
  });

  it('of which one is wrong change nothing', async () => {
    await bench.accounts.add({ name: 'scanner' });
    expect(await bench.accounts.set('scanner', { note: 'x', networks: ['home'] })).toMatchObject({
      kind: 'setting-invalid',
    });
    expect(bench.accounts.show('scanner')?.account.note).toBeNull();
  });
});
