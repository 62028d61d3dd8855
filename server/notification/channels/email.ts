// Alerts by mail: enqueued like any other message, of a kind that begets neither report nor alert. While the upstream is
// down, alert mail waits with the rest; what may wait is bounded, so that an outage does not end in a hundred alerts.

import { createHash } from 'node:crypto';
import type { Clock, EpochMs } from '../../clock.ts';
import type { NewId } from '../../ids.ts';
import type { NewMessage } from '../../queue/message.ts';
import type { Enqueued } from '../../queue/queue.ts';
import { alertMessage } from '../alert-message.ts';
import type { Detail, Notice } from '../notice.ts';
import type { Sending, SendNotice } from '../sender.ts';

export type EmailDeps = Readonly<{
  host: string;
  clock: Clock;
  clockTrusted: () => boolean;
  newId: NewId;
  enqueue: (message: NewMessage, queuedAt: EpochMs) => Promise<Enqueued>;
  /** Recipients of alert mail that wait. */
  waiting: () => Promise<number>;
}>;

type Mailboxes = Readonly<{ to: string; from: string; detail: Detail }>;

const MOST_WAITING = 20;

export function createEmail(mailboxes: Mailboxes, deps: EmailDeps): SendNotice {
  return async notice => {
    const waiting = await deps.waiting().catch(() => null);
    if (waiting === null) return failed('the database cannot be read');
    if (waiting >= MOST_WAITING) {
      return failed(
        `${waiting} alert messages wait already: "postern queue list" shows why they are not relayed`,
      );
    }
    const message = newMessage(notice, mailboxes, deps);
    const enqueued = await deps.enqueue(message, deps.clock.now()).catch(() => ({ kind: 'io' }) as const);
    return enqueued.kind === 'queued'
      ? { kind: 'ok', text: `queued as ${message.id} for ${mailboxes.to}` }
      : failed(`the message could not be queued: ${enqueued.kind}`);
  };
}

function newMessage(notice: Notice, { to, from, detail }: Mailboxes, deps: EmailDeps): NewMessage {
  const id = deps.newId();
  const date = deps.clockTrusted() ? deps.clock.now() : null;
  const text = alertMessage({ id, host: deps.host, from, to, notice, detail, date });
  const octets = Buffer.from(text, 'utf8');
  // Only an address can have brought them in, and then the header needs SMTPUTF8 for every recipient.
  const hasWideAddress = octets.length !== text.length;
  return {
    id,
    kind: 'alert',
    accountId: null,
    reversePath: from,
    forwardPaths: [to],
    bodyType: hasWideAddress ? '8bitmime' : '7bit',
    smtputf8: hasWideAddress,
    size: octets.length,
    hash: createHash('sha256').update(octets).digest('hex'),
    content: { kind: 'octets', octets },
    clientAddress: null,
  };
}

function failed(text: string): Sending {
  return { kind: 'failed', text };
}
