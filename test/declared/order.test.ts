import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergedOrder } from '../../server/declared/order.ts';

const order = (current: string, wanted: string) => mergedOrder([...current], [...wanted]).join('');

describe('the order of routes', () => {
  it.each([
    ['abcd', '', 'abcd', 'a file that names none moves none'],
    ['abcd', 'bd', 'abcd', 'they stand so already'],
    ['abcd', 'db', 'adcb', 'those that are named take the places that they have'],
    ['abcd', 'dcba', 'dcba', 'all are named'],
    ['abcd', 'bx', 'abxcd', 'a new one stands behind the one before it'],
    ['abcd', 'xc', 'abxcd', 'a new one that is named first stands before the next'],
    ['abcd', 'x', 'abcdx', 'a new one alone stands behind all'],
    ['', 'xyz', 'xyz', 'all are new'],
  ])('of %s with %s is %s: %s', (current, wanted, expected) => {
    expect(order(current, wanted)).toBe(expected);
  });

  it("is the file's among those that it names, keeps the others, and is the same the second time", () => {
    const keys = fc.uniqueArray(fc.constantFrom(...'abcdefghij'));
    fc.assert(
      fc.property(keys, keys, (current, wanted) => {
        const merged = mergedOrder(current, wanted);
        expect(merged.filter(key => wanted.includes(key))).toEqual(wanted);
        const others = (list: readonly string[]) => list.filter(key => !wanted.includes(key));
        expect(others(merged)).toEqual(others(current));
        expect(new Set(merged)).toEqual(new Set([...current, ...wanted]));
        expect(mergedOrder(merged, wanted)).toEqual(merged);
      }),
    );
  });
});
