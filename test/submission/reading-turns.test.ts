import { setTimeout as sleep, setImmediate as tick } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReadingTurns, type ReadingTurns } from '../../server/submission/reading-turns.ts';
import { waitFor } from '../support/process.ts';

const bounds = { atOnce: 2, firstTurn: 100, turn: 1_000, longest: 500, quiet: 5 };
const real = { monotonic: () => performance.now() };

/** In a time that stands still nobody is ever quiet. */
function still(): ReturnType<typeof createReadingTurns> {
  return createReadingTurns({ monotonic: () => 0 }, bounds);
}

type Message = Readonly<{
  read: (octets: number) => void;
  writing: (written: Promise<unknown>) => void;
  end: () => void;
  isWaiting: () => boolean;
}>;

function messageOf(turns: ReadingTurns): Message {
  const turn = turns.forMessage();
  let waiting = false;
  return {
    ...turn,
    read: octets => {
      const next = turn.read(octets);
      if (next === null) return;
      waiting = true;
      void next.then(() => {
        waiting = false;
      });
    },
    isWaiting: () => waiting,
  };
}

/** Messages of which each has read one octet, in this order. */
function begin(turns: ReadingTurns, count: number): readonly Message[] {
  return Array.from({ length: count }, () => {
    const message = messageOf(turns);
    message.read(1);
    return message;
  });
}

/** Who waits, by number, once all that was let in has heard of it. */
async function waitingOf(messages: readonly Message[]): Promise<readonly number[]> {
  await tick();
  return [...messages.keys()].filter(number => messages[number]?.isWaiting());
}

describe('large messages', () => {
  it('are read a few at a time, first come, first served', async () => {
    const messages = begin(still(), 5);
    expect(await waitingOf(messages)).toEqual([2, 3, 4]);
    messages[1]?.end();
    expect(await waitingOf(messages)).toEqual([3, 4]);
    messages[2]?.end();
    messages[0]?.end();
    expect(await waitingOf(messages)).toEqual([]);
  });

  it('have a turn without end as long as nobody waits', async () => {
    const turns = still();
    const messages = begin(turns, 2);
    for (let i = 0; i < 100; i++) for (const message of messages) message.read(bounds.turn);
    expect(await waitingOf(messages)).toEqual([]);
    const third = messageOf(turns);
    third.read(1);
    messages[0]?.read(1);
    expect(await waitingOf([...messages, third])).toEqual([0]);
  });

  it('go behind the others when they had their part, which is smaller the first time', async () => {
    const messages = begin(still(), 3);
    messages[0]?.read(bounds.firstTurn - 2);
    expect(await waitingOf(messages)).toEqual([2]);
    messages[0]?.read(1);
    expect(await waitingOf(messages)).toEqual([0]);
    messages[1]?.read(bounds.firstTurn);
    expect(await waitingOf(messages)).toEqual([1]);
    messages[0]?.read(bounds.turn - 1);
    expect(await waitingOf(messages)).toEqual([1]);
    messages[0]?.read(1);
    expect(await waitingOf(messages)).toEqual([0]);
  });

  it('go behind the others after a time, however little they brought', async () => {
    let now = 0;
    const messages = begin(createReadingTurns({ monotonic: () => now }, { ...bounds, quiet: 10_000 }), 3);
    now = bounds.longest - 1;
    messages[0]?.read(1);
    expect(await waitingOf(messages)).toEqual([2]);
    now = bounds.longest;
    messages[0]?.read(1);
    expect(await waitingOf(messages)).toEqual([0]);
  });

  it('come first when they begin, but do not keep those back for ever that had a turn', async () => {
    const turns = still();
    const messages = begin(turns, 3);
    messages[0]?.read(bounds.firstTurn);
    const beginners = begin(turns, 10);
    // Message 0 has waited longest; each one that ends lets one in.
    const order: number[] = [];
    for (const ending of [messages[1], messages[2], ...beginners.slice(0, 3)]) {
      const before = await waitingOf([...messages, ...beginners]);
      ending?.end();
      const after = await waitingOf([...messages, ...beginners]);
      order.push(...before.filter(number => !after.includes(number)));
    }
    expect(order).toEqual([3, 4, 5, 0, 6]);
  });

  it('lose their turn to whoever waits while their clients send nothing', async () => {
    const turns = createReadingTurns(real, bounds);
    const [first, second, third, fourth] = begin(turns, 4);
    await waitFor('the others to be let in', () => !third?.isWaiting() && !fourth?.isWaiting(), 5_000);
    // Both went on without a turn; the next octet makes them wait for one.
    for (const one of [third, fourth]) one?.writing(new Promise(() => {}));
    first?.read(1);
    second?.read(1);
    expect([first?.isWaiting(), second?.isWaiting()]).toEqual([true, true]);
  });

  it('keep their turn while it is we who write', async () => {
    const turns = createReadingTurns(real, bounds);
    const [first, second, third] = begin(turns, 3);
    let written = () => {};
    first?.writing(
      new Promise<void>(resolve => {
        written = resolve;
      }),
    );
    second?.writing(Promise.resolve());
    await waitFor('the third to be let in, by the second', () => !third?.isWaiting(), 5_000);
    const fourth = messageOf(turns);
    third?.writing(new Promise(() => {}));
    fourth.read(1);
    await sleep(20 * bounds.quiet);
    expect(fourth.isWaiting()).toBe(true);
    written();
    await waitFor('the fourth to be let in, by the first', () => !fourth.isWaiting(), 5_000);
  });

  it('whose clients vanish while they wait are let go, and take no turn', async () => {
    const messages = begin(still(), 4);
    messages[2]?.end();
    messages[2]?.end();
    expect(await waitingOf(messages)).toEqual([3]);
    messages[0]?.end();
    expect(await waitingOf(messages)).toEqual([]);
  });

  it('all come to their end, never too many at a time, whatever each of them does', async () => {
    const doing = fc.record({ message: fc.nat(11), octets: fc.integer({ min: -20, max: 300 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(doing, { maxLength: 120 }), async steps => {
        const turns = still();
        const messages = Array.from({ length: 12 }, () => messageOf(turns));
        const reading = new Set<Message>();
        for (const { message, octets } of steps) {
          const one = messages[message];
          if (one === undefined || one.isWaiting()) continue;
          if (octets > 0) one.read(octets);
          else one.end();
          await tick();
          if (octets > 0) reading.add(one);
          else reading.delete(one);
          expect([...reading].filter(each => !each.isWaiting()).length).toBeLessThanOrEqual(bounds.atOnce);
        }
        for (let round = 0; round < messages.length; round++) {
          for (const one of messages) if (!one.isWaiting()) one.end();
          await tick();
        }
        expect(messages.filter(one => one.isWaiting())).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
