// What the tests of faults have in common: a Postern with one account, in front of an upstream that does what the test says, in
// clear on loopback; and ways to look at its queue from outside.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Access, submit } from '../end-to-end/gate.ts';
import { type Remote, type RemoteOptions, type Script, startRemote } from '../relay/remote.ts';
import {
  type Account,
  addAccount,
  addUpstream,
  type ConfigSections,
  field,
  type Installation,
  install,
  queueStats,
} from '../support/postern.ts';
import { waitFor } from '../support/process.ts';

export type Scene = Access &
  Readonly<{
    at: Installation;
    account: Account;
    remote: Remote;
    /** Submits one message whose body names it; returns the reply to its end, or throws at an earlier refusal. */
    send: (name: string, more?: Readonly<{ to?: readonly string[]; octets?: number }>) => Promise<string>;
    /** How often the upstream has taken the message of that name. */
    copies: (name: string) => number;
    /** Waits until it has taken them all. */
    arrived: (names: readonly string[], timeout?: number) => Promise<void>;
    close: () => Promise<void>;
  }>;

const LINE = `${'x'.repeat(70)}\r\n`;

/** Nothing runs yet: the test starts the server. */
export async function openScene(sections: ConfigSections = {}, options: RemoteOptions = {}): Promise<Scene> {
  const remote = await startRemote({ tls: 'none', ...options });
  const at = await install(sections);
  const account = await addAccount(at, 'scanner', 'printer password');
  await addUpstream(at, 'provider', { url: `smtp+notls://127.0.0.1:${remote.port}` });
  const copies = (name: string) => remote.bodies.filter(body => body.includes(`body of ${name}.\r\n`)).length;
  return {
    at,
    account,
    remote,
    copies,
    send: (name, { to = ['someone@destination.test'], octets = 0 } = {}) => {
      const text = `Subject: ${name}\r\n\r\nbody of ${name}.\r\n${LINE.repeat(octets / LINE.length)}`;
      return submit({ at, account }, { from: `${name}@sender.test`, to, message: Buffer.from(text) });
    },
    arrived: async (names, timeout = 30_000) => {
      const missing = () => names.filter(name => copies(name) === 0);
      await waitFor('mail at the upstream', () => missing().length === 0, timeout).catch(error => {
        throw new Error(`${error}; missing: ${missing().slice(0, 5)}`);
      });
    },
    close: async () => {
      await at.remove();
      await remote.close();
    },
  };
}

/** What has this sender gets the answer, instead of the usual one. */
export function answerTo(name: RegExp, verb: 'RCPT' | 'BODY', answer: () => string | undefined): Script {
  const senders = new Map<number, string>();
  return step => {
    if (step.verb === 'MAIL') senders.set(step.connection, step.line);
    return step.verb === verb && name.test(senders.get(step.connection) ?? '') ? answer() : undefined;
  };
}

type Listed = Readonly<{ id: string; name: string; heldBecause: string | null }>;

/** The queue as the operator sees it, finished messages too. */
export async function listed(at: Installation): Promise<readonly Listed[]> {
  const list = await at.json(['queue', 'list']);
  if (!Array.isArray(list)) throw new Error('queue list printed no list');
  return list.map(item => {
    const because = field(item, 'held_because');
    return {
      id: String(field(item, 'id')),
      name: String(field(item, 'reverse_path')).split('@')[0] ?? '',
      heldBecause: typeof because === 'string' ? because : null,
    };
  });
}

/** Waits until nothing waits any more; returns the counts. */
export async function drained(at: Installation, timeout = 60_000): Promise<Readonly<Record<string, number>>> {
  return waitFor(
    'the queue to drain',
    async () => {
      const stats = await queueStats(at);
      const waiting = (stats['queued'] ?? 0) + (stats['in_flight'] ?? 0) + (stats['deferred'] ?? 0);
      if (waiting === 0) return stats;
      await sleep(300);
      return undefined;
    },
    timeout,
  );
}

/** Kind and text of what the operator was told. */
export async function alerts(at: Installation): Promise<readonly string[]> {
  const list = await at.json(['alert', 'list']);
  return Array.isArray(list) ? list.map(one => `${field(one, 'kind')}: ${field(one, 'text')}`) : [];
}
