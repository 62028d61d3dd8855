// Where mail to local recipients goes: the patterns, which of several counts, and what a delivery makes of it.

import { describe, expect, it } from 'vitest';
import { mapRecipients } from '../../server/relay/recipient-mapping.ts';
import { parseRecipientPattern, type RecipientRule, ruleFor } from '../../server/relay/recipient-rule.ts';

const HOST = 'postern.lan';

function goesTo(patterns: readonly string[], address: string): string | null {
  const rules = patterns.map((pattern): [string, RecipientRule] => {
    const parsed = parseRecipientPattern(pattern);
    if (parsed.kind === 'bad') throw new Error(parsed.text);
    return [parsed.text, { pattern: parsed.text, forwardPath: 'me@example.com' }];
  });
  return ruleFor(new Map(rules), address, HOST)?.pattern ?? null;
}

describe('a pattern fits', () => {
  it.each([
    ['root', 'root@postern.lan'],
    ['root', 'root'],
    ['root', 'Root@Postern.LAN'],
    ['root', 'root@localhost'],
    ['*', 'cron@localhost.localdomain'],
    ['*', 'anything@postern.lan'],
    ['root@localhost', 'ROOT@localhost'],
    ['*@localdomain', 'webmaster@localdomain'],
    ['@localdomain', 'webmaster@localdomain'],
    ['*@*.local', 'a@nas.local'],
    ['*@*.local', 'a@box.rack.local'],
    ['root@*', 'root@example.org'],
    ['*@*', 'a@example.org'],
    ['root@postern.lan', 'root'],
    ['"two words"', '"two words"@postern.lan'],
    ['root@[192.0.2.1]', 'root@[192.0.2.1]'],
  ])('%s: %s', (pattern, address) => {
    expect(goesTo([pattern], address)).not.toBeNull();
  });

  it.each([
    ['root', 'root@example.org'],
    ['root', 'admin@postern.lan'],
    ['*', 'root@nas.local'],
    ['root@localhost', 'root@postern.lan'],
    ['*@localdomain', 'a@box.localdomain'],
    ['*@*.local', 'a@local'],
    ['*@*.local', 'a@nas.locale'],
    ['root@*', 'admin@localhost'],
    ['*', ''],
  ])('%s does not fit %s', (pattern, address) => {
    expect(goesTo([pattern], address)).toBeNull();
  });
});

it('the most specific pattern counts, whatever the order', () => {
  const all = [
    '*@*',
    '*',
    '*@*.lan',
    '*@*.rack.lan',
    '*@nas.rack.lan',
    'root@*',
    'root',
    'root@nas.rack.lan',
  ];
  for (const patterns of [all, all.toReversed()]) {
    expect(goesTo(patterns, 'root@nas.rack.lan')).toBe('root@nas.rack.lan');
    expect(goesTo(patterns, 'root')).toBe('root');
    expect(goesTo(patterns, 'root@example.org')).toBe('root@*');
    expect(goesTo(patterns, 'a@nas.rack.lan')).toBe('*@nas.rack.lan');
    expect(goesTo(patterns, 'a@x.rack.lan')).toBe('*@*.rack.lan');
    expect(goesTo(patterns, 'a@x.lan')).toBe('*@*.lan');
    expect(goesTo(patterns, 'a@localhost')).toBe('*');
    expect(goesTo(patterns, 'a@example.org')).toBe('*@*');
  }
});

it.each([
  '',
  '@',
  'a b',
  'ro*t',
  '**',
  'a@b@c',
  'root@loc*',
  '*@**.x',
  'root@*.',
  '"*"',
])('"%s" is no pattern', pattern => {
  expect(parseRecipientPattern(pattern)).toMatchObject({ kind: 'bad' });
});

describe('the recipients of a delivery', () => {
  const mapped = (path: string) => (path.endsWith('@localhost') ? 'me@example.com' : null);
  const plain = { notify: null, originalRecipient: null };

  it('are not looked at again where all stay', () => {
    expect(mapRecipients({ forwardPaths: ['a@example.org', 'a@example.org'], dsn: null }, mapped)).toBeNull();
  });

  it('go where their rules say, one for each address, with the original beside them', () => {
    const forwardPaths = ['root@localhost', 'a@example.org', 'cron@localhost', 'me@example.com'];
    expect(mapRecipients({ forwardPaths, dsn: null }, mapped)).toEqual({
      forwardPaths: ['me@example.com', 'a@example.org'],
      places: [0, 1, 0, 0],
      dsn: {
        envelopeId: null,
        returns: null,
        recipients: [{ ...plain, originalRecipient: 'rfc822;root@localhost' }, plain],
      },
      fields: 'X-Original-To: root@localhost\r\nX-Original-To: cron@localhost\r\n',
    });
  });

  it('keep what the client asked for; of two that become one, all of it', () => {
    const dsn = {
      envelopeId: 'E1',
      returns: 'headers',
      recipients: [
        { notify: 'never', originalRecipient: 'rfc822;first@d' },
        { notify: ['success'], originalRecipient: null },
      ],
    } as const;
    const forwardPaths = ['root@localhost', 'cron@localhost'];
    expect(mapRecipients({ forwardPaths, dsn }, mapped)?.dsn).toEqual({
      ...dsn,
      recipients: [{ notify: ['success'], originalRecipient: 'rfc822;first@d' }],
    });
    const unasked = { ...dsn, recipients: [{ ...plain, notify: ['success'] as const }, plain] };
    expect(mapRecipients({ forwardPaths, dsn: unasked }, mapped)?.dsn.recipients[0]?.notify).toEqual([
      'success',
      'failure',
      'delay',
    ]);
    const never = { ...dsn, recipients: [dsn.recipients[0], dsn.recipients[0]] };
    expect(mapRecipients({ forwardPaths, dsn: never }, mapped)?.dsn.recipients[0]?.notify).toBe('never');
  });

  it('beyond ASCII are noted in ASCII', () => {
    const mapping = mapRecipients({ forwardPaths: ['büro@localhost'], dsn: null }, mapped);
    expect(mapping?.fields).toBe('X-Original-To: b\\x{FC}ro@localhost\r\n');
    expect(mapping?.dsn.recipients[0]?.originalRecipient).toBe('utf-8;büro@localhost');
  });
});
