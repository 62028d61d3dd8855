import { describe, expect, it } from 'vitest';
import { createSemaphore, passwordPlaces } from '../../server/accounts/semaphore.ts';

/** A task that ends when told to. */
function createTask() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let started = false;
  const task = () => {
    started = true;
    return promise;
  };
  return { task, resolve, reject, started: () => started };
}

describe('passwordPlaces', () => {
  it.each([
    [1, 1],
    [2, 1],
    [4, 3],
    [64, 3],
  ])('%i cores compute %i passwords at once', (cores, places) => {
    expect(passwordPlaces(cores)).toBe(places);
  });
});

describe('the semaphore', () => {
  it('runs as many as it has places, the others in the order of asking, and refuses the rest at once', async () => {
    const semaphore = createSemaphore({ places: 1, line: 2 });
    const [first, second, third, fourth] = [createTask(), createTask(), createTask(), createTask()];
    const results = [first, second, third].map(({ task }) => semaphore.run(task));
    expect(await semaphore.run(fourth.task)).toEqual({ kind: 'busy' });
    expect([first, second, third, fourth].map(task => task.started())).toEqual([true, false, false, false]);
    first.resolve('one');
    expect(await results[0]).toEqual({ kind: 'done', value: 'one' });
    expect([second, third].map(task => task.started())).toEqual([true, false]);
    second.resolve('two');
    third.resolve('three');
    expect(await Promise.all(results)).toMatchObject([
      { value: 'one' },
      { value: 'two' },
      { value: 'three' },
    ]);
  });

  it('gives the place back after a task that failed', async () => {
    const semaphore = createSemaphore({ places: 1, line: 0 });
    await expect(semaphore.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await semaphore.run(async () => 'next')).toEqual({ kind: 'done', value: 'next' });
  });

  it('never runs more than its places, however tasks come and go', async () => {
    const semaphore = createSemaphore({ places: 3, line: 1000 });
    let running = 0;
    let most = 0;
    const task = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(resolve => setImmediate(resolve));
      running -= 1;
      // Another one asks just as this place becomes free.
      void semaphore.run(async () => undefined);
    };
    await Promise.all(Array.from({ length: 200 }, () => semaphore.run(task)));
    expect(most).toBe(3);
  });
});
