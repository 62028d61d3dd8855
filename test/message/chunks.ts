// Octets fed to a stream in pieces of any size, for the tests that say: however it is cut, what comes out is the same.

import fc from 'fast-check';

/** Cuts `octets` at the given places; places beyond the end are ignored. */
export function cut(octets: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const sorted = [0, ...places.filter(place => place <= octets.length).sort((a, b) => a - b), octets.length];
  return sorted.slice(1).map((end, i) => octets.subarray(sorted[i], end));
}

export function single(octets: Uint8Array): readonly Uint8Array[] {
  return cut(octets, [...octets.keys()]);
}

export const places = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
