// What stands between waiting mail and its upstream, in words.

import { describe, expect, it } from 'vitest';
import { whyWaiting } from '../../server/cli/queue-waiting.ts';
import type { RecipientState } from '../../server/queue/message.ts';
import type { ListedMessage } from '../../server/queue/operator.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { KEEP_IDENTITY, NO_PACING } from '../../server/relay/upstream.ts';

const AT = Date.UTC(2026, 10, 21, 2, 0, 0);

const main: Upstream = {
  id: 'U',
  name: 'main',
  scheme: 'smtps',
  host: 'relay.example',
  port: 465,
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

function message(state: RecipientState, held = false): ListedMessage {
  const recipient = {
    forwardPath: 'a@x.example',
    attempts: 0,
    nextAttemptAt: AT,
    upstream: null,
    lastReply: null,
  };
  return {
    id: 'M',
    account: null,
    reversePath: '',
    size: 1,
    queuedAt: AT,
    held,
    content: 'body',
    recipients: [{ ...recipient, state }],
  };
}

const waiting = [message('deferred')];

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
      [{ ...main, pausedAt: AT }],
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
    expect(whyWaiting(waiting, upstreams)).toBe(`\n\n${said}`);
  });
  it('is not said where nothing stands in the way, or nothing waits for it', () => {
    expect(whyWaiting(waiting, [main])).toBe('');
    expect(whyWaiting(waiting, [main, { ...main, isDefault: false, pausedAt: AT }])).toBe('');
    for (const one of [message('relayed'), message('failed'), message('expired'), message('queued', true)]) {
      expect(whyWaiting([one], [])).toBe('');
    }
  });
});
