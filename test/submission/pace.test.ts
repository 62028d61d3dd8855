import { describe, expect, it } from 'vitest';
import { DATA_WINDOW } from '../../server/submission/deadlines.ts';
import type { IncomingData } from '../../server/submission/incoming-data.ts';
import { createPace } from '../../server/submission/pace.ts';

const deadlines = { idle: 300_000, login: 60_000, command: 10_000, dataRate: 256 };
const ENOUGH = (256 * DATA_WINDOW) / 1000;

/** A client that was asked for data at time 0. */
function receiving() {
  let now = 0;
  const done: string[] = [];
  const note = (what: string) => () => void done.push(what);
  const incoming: IncomingData = {
    ...{ read: note('read'), pause: note('pause'), resume: note('resume'), discard: note('discard') },
  };
  const pace = createPace({ clock: { monotonic: () => now }, deadlines });
  pace.serve();
  const data = pace.awaitData(incoming);
  return {
    pace,
    data,
    done,
    at: (time: number) => {
      now = time;
    },
    overdue: (octets: number) =>
      pace.overdue({ authenticated: true, hasPartialLine: false, dataOctets: octets })?.code ?? null,
  };
}

describe('the pace of message data', () => {
  it('is the client’s own: what it is told to do reaches the data', () => {
    const { data, done } = receiving();
    data.pause();
    data.resume();
    data.discard();
    expect(done).toEqual(['pause', 'resume', 'discard']);
  });

  it('does not count the time in which the client waits for us', () => {
    const { data, at, overdue } = receiving();
    at(10_000);
    data.pause();
    at(10_000 + 10 * DATA_WINDOW);
    expect(overdue(100)).toBeNull();
    data.resume();
    at(11 * DATA_WINDOW - 1);
    expect(overdue(100)).toBeNull();
    at(11 * DATA_WINDOW);
    expect(overdue(100)).toBe(421);
  });

  it('does not count many short waits either, whenever it is looked at', () => {
    const { data, at, overdue } = receiving();
    // Nine tenths of the time are ours: after ten windows one has passed for the client.
    const last = 10 * DATA_WINDOW - 1_000;
    for (let time = 0; time < last; time += 1_000) {
      expect(overdue(100)).toBeNull();
      at(time + 100);
      data.pause();
      at(time + 500);
      expect(overdue(100)).toBeNull();
      at(time + 1_000);
      data.resume();
    }
    at(last + 99);
    expect(overdue(100)).toBeNull();
    at(last + 100);
    expect(overdue(100)).toBe(421);
  });

  it('begins a new window after one that brought enough, with a client that waits, too', () => {
    const { data, at, overdue } = receiving();
    at(DATA_WINDOW);
    data.pause();
    expect(overdue(ENOUGH)).toBeNull();
    at(2 * DATA_WINDOW);
    data.resume();
    at(3 * DATA_WINDOW - 1);
    expect(overdue(ENOUGH)).toBeNull();
    at(3 * DATA_WINDOW);
    expect(overdue(ENOUGH)).toBe(421);
  });

  it('counts again once what comes is thrown away', () => {
    const { data, at, overdue } = receiving();
    data.pause();
    data.discard();
    at(DATA_WINDOW);
    expect(overdue(0)).toBe(421);
  });

  it('is awaited while the client is to send, and not while it waits for us', () => {
    const { pace, data } = receiving();
    expect(pace.awaited()).toBe('data');
    data.pause();
    expect(pace.awaited()).toBeNull();
    data.resume();
    expect(pace.awaited()).toBe('data');
    data.pause();
    pace.dataEnded();
    expect(pace.awaited()).toBeNull();
    pace.awaitCommand();
    expect(pace.awaited()).toBe('command');
  });
});
