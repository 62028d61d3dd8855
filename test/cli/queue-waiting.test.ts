// What stands between waiting mail and its upstream, in words.

import { describe, expect, it } from 'vitest';
import { paceTrouble } from '../../server/cli/queue-circumstances.ts';
import { type Circumstances, waitingWords, whyWaiting } from '../../server/cli/queue-waiting.ts';
import type { ListedMessage, ListedRecipient } from '../../server/queue/listed-message.ts';
import type { RecipientState } from '../../server/queue/message.ts';
import { boundTo } from '../../server/queue/way.ts';
import type { Slow } from '../../server/relay/pacing.ts';
import type { Route } from '../../server/relay/route.ts';
import { counted, NO_COUNTS } from '../../server/relay/sent-counts.ts';
import type { StoredPace } from '../../server/relay/stored-pace.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { KEEP_IDENTITY, NO_PACING, PLAIN_SMTP } from '../../server/relay/upstream.ts';

const AT = Date.UTC(2026, 10, 21, 2, 0, 0);

const main: Upstream = {
  id: 'U',
  name: 'main',
  scheme: 'smtps',
  host: 'relay.example',
  port: 465,
  ...PLAIN_SMTP,
  user: null,
  sealedPassword: null,
  caPem: null,
  ehloName: null,
  connections: 3,
  pacing: NO_PACING,
  identity: KEEP_IDENTITY,
  messageSize: null,
  announcedSize: null,
  isDefault: true,
  pausedAt: null,
  createdAt: AT,
  revision: 1,
  fault: null,
};
const fault = {
  kind: 'credentials',
  text: 'main refuses the password',
  since: AT,
  nextProbeAt: AT + 60_000,
} as const;

const backup: Upstream = { ...main, id: 'B', name: 'backup', isDefault: false };
const scans: Route = {
  id: 'R',
  name: 'scans',
  accounts: ['scanner'],
  senders: null,
  recipients: null,
  sizeOver: null,
  sizeUpTo: null,
  upstreams: ['main', 'backup'],
};

function message(state: RecipientState, changes: Partial<ListedMessage> = {}): ListedMessage {
  return {
    id: 'M',
    kind: 'mail',
    account: null,
    reversePath: '',
    size: 1,
    hash: '',
    queuedAt: AT,
    held: false,
    heldAt: null,
    heldBecause: null,
    content: 'body',
    recipients: [recipient({ state })],
    ...changes,
  };
}

function recipient(changes: Partial<ListedRecipient> = {}): ListedRecipient {
  return {
    forwardPath: 'a@x.example',
    state: 'deferred',
    attempts: 0,
    nextAttemptAt: AT,
    upstream: null,
    way: '',
    ambiguousSince: null,
    settledAt: null,
    lastReply: null,
    report: null,
    ...changes,
  };
}

function circumstances(upstreams: readonly Upstream[], routes: readonly Route[] = []): Circumstances {
  return { now: AT + 1000, upstreams, routes, paces: new Map(), ambiguousFor: 86_400_000 };
}

const waiting = [message('deferred')];
const paused = { ...main, pausedAt: AT };

describe('why mail waits', () => {
  it.each<[string, readonly Upstream[], string]>([
    [
      'no upstream',
      [],
      'There is no upstream: mail waits. Add one: postern upstream add NAME --url smtp+starttls://USER@HOST:587',
    ],
    [
      'no default',
      [{ ...main, isDefault: false }],
      'There is no default upstream: mail waits. Choose one: postern upstream set main --default',
    ],
    [
      'paused',
      [paused],
      'Upstream main is paused since 2026-11-21 02:00:00Z: mail waits. Go on: postern upstream resume main',
    ],
    [
      'a fault',
      [{ ...main, fault }],
      'Upstream main cannot be used since 2026-11-21 02:00:00Z: mail waits. main refuses the password. Next try: 2026-11-21 02:01:00Z; at once: postern upstream resume main',
    ],
    [
      'a fault that is not probed',
      [{ ...main, fault: { ...fault, nextProbeAt: null } }],
      'Upstream main cannot be used since 2026-11-21 02:00:00Z: mail waits. main refuses the password. Next try: not planned; at once: postern upstream resume main',
    ],
  ])('%s', (_, upstreams, said) => {
    expect(whyWaiting(waiting, circumstances(upstreams))).toBe(`\n\n${said}`);
  });

  it('is not said where nothing stands in the way, or nothing waits for it', () => {
    expect(whyWaiting(waiting, circumstances([main]))).toBe('');
    expect(whyWaiting(waiting, circumstances([main, { ...backup, pausedAt: AT }]))).toBe('');
    const held = message('queued', { held: true, heldAt: AT, heldBecause: 'operator' });
    for (const one of [message('relayed'), message('failed'), message('expired'), held])
      expect(whyWaiting([one], circumstances([]))).toBe('');
  });

  it('is said of every upstream of a route, once, and only where none of them works', () => {
    const scan = message('queued', { account: 'Scanner' });
    const broken = { ...backup, fault };
    expect(whyWaiting([scan], circumstances([paused, backup], [scans]))).toBe('');
    expect(
      whyWaiting([scan, scan], circumstances([paused, broken], [scans]))
        .trim()
        .split('\n'),
    ).toEqual([
      expect.stringContaining('Upstream main is paused'),
      expect.stringContaining('Upstream backup cannot be used'),
    ]);
    // What may be at the other one already waits for that one alone.
    const bound = message('deferred', { recipients: [recipient({ way: boundTo('U') })] });
    expect(whyWaiting([bound], circumstances([paused, backup], [scans]))).toContain(
      'Upstream main is paused',
    );
  });

  it('is said of an upstream that takes no more for now, but not of one that is only slow', () => {
    const limited: Upstream = { ...main, pacing: { ...NO_PACING, messagesPerDay: 1 } };
    const slow: Slow = {
      factor: 0.5,
      fullPerMinute: 10,
      pausedUntil: AT,
      stuckSince: null,
      since: AT,
      reply: '421 4.7.0 slow down',
      times: 1,
    };
    const said = (upstream: Upstream, pace: StoredPace) => {
      const trouble = paceTrouble(upstream, pace, AT + 1000);
      const given = { ...circumstances([upstream]), paces: new Map(trouble ? [[upstream.id, trouble]] : []) };
      return [whyWaiting(waiting, given).trim(), waitingWords(message('queued'), recipient(), given)];
    };
    expect(said(main, { counts: NO_COUNTS, slow: null })).toEqual(['', 'waits for upstream main; due now']);
    expect(said(main, { counts: NO_COUNTS, slow })).toEqual([
      '',
      'waits for upstream main, which is slowed down to 5 a minute since 2026-11-21 02:00:00Z; due now',
    ]);
    expect(said(main, { counts: NO_COUNTS, slow: { ...slow, pausedUntil: AT + 60_000 } })[0]).toBe(
      'Upstream main said that it is too much (421 4.7.0 slow down): nothing until 2026-11-21 02:01:00Z. Mail waits.',
    );
    expect(said(limited, { counts: counted(NO_COUNTS, AT), slow: null })[0]).toMatch(
      /^Upstream main has had as much as it takes, until 2026-11-22 0\d:\d\d:\d\dZ\. Mail waits\.$/,
    );
  });

  it('names a route whose upstreams do not exist', () => {
    const scan = message('queued', { account: 'scanner' });
    expect(whyWaiting([scan], circumstances([{ ...main, name: 'other' }], [scans]))).toContain(
      'Route scans goes to main, backup, and there is no such upstream: its mail waits.',
    );
  });
});

describe('what a recipient waits for', () => {
  const both = circumstances([main, backup], [scans]);
  const words = (changes: Partial<ListedRecipient>, given = both, about: Partial<ListedMessage> = {}) =>
    waitingWords(message('deferred', { account: 'scanner', ...about }), recipient(changes), given);

  it.each<[string, Partial<ListedRecipient>, string]>([
    ['unrouted', {}, 'waits for upstream main (route scans); then backup; due now'],
    [
      'refused by the first',
      { way: 'R -U' },
      'waits for upstream backup (route scans); main refused it in this round; due now',
    ],
    [
      'too large for the second, and later',
      { way: 'R !B', nextAttemptAt: AT + 60_000 },
      'waits for upstream main (route scans); backup cannot take it; the next attempt is at 2026-11-21 02:01:00Z',
    ],
    [
      'perhaps delivered',
      { way: '=U', ambiguousSince: AT, nextAttemptAt: AT + 600_000 },
      'only upstream main, which may have it already, until 2026-11-22 02:00:00Z; the next attempt is at 2026-11-21 02:10:00Z',
    ],
    [
      'perhaps delivered, long ago',
      { way: '=U', ambiguousSince: AT - 86_400_000 },
      'only upstream main, which may have it already, until it is routed anew, which is due; due now',
    ],
    [
      'bound to what was removed',
      { way: '=GONE' },
      'its upstream was removed: it will be routed anew; due now',
    ],
    ['in flight', { state: 'in_flight', upstream: 'main' }, 'is being sent by upstream main'],
  ])('%s', (_, changes, said) => {
    expect(words(changes)).toBe(said);
  });

  it('names what is wrong with the first upstream', () => {
    expect(words({}, circumstances([{ ...main, fault }, backup], [scans]))).toBe(
      'waits for upstream main (route scans), which cannot be used since 2026-11-21 02:00:00Z, next try 2026-11-21 02:01:00Z: main refuses the password; then backup; due now',
    );
  });

  it.each([
    ['operator', 'by an operator'],
    ['outage', 'no upstream of its route could be used'],
    ['damaged', 'is not what was accepted'],
    ['restored', 'it came with a backup'],
  ] as const)('held because: %s', (heldBecause, said) => {
    const held = { held: true, heldAt: AT, heldBecause } as const;
    const text = words({ nextAttemptAt: null }, both, held);
    expect(text).toMatch(/^held since 2026-11-21 02:00:00Z.*postern queue release M$/);
    expect(text).toContain(said);
  });

  it('is nothing once it is settled', () => {
    expect(words({ state: 'failed', settledAt: AT })).toBeNull();
  });
});
