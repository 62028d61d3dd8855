// The order of routes after a declaration: among those that the file names, the file's; the others keep their places. A new
// one stands behind the one that is named before it. So a file that names a few routes moves no others, and one that was
// applied already moves nothing. Pure.

/** `current`: as they stand now, without those that go. `wanted`: those that the file names, in its order. */
export function mergedOrder(current: readonly string[], wanted: readonly string[]): readonly string[] {
  const named = new Set(wanted);
  const known = new Set(current);
  const present = wanted.filter(key => known.has(key));
  let next = 0;
  const merged = current.map(key => (named.has(key) ? (present[next++] ?? key) : key));
  for (const [index, key] of wanted.entries()) {
    if (known.has(key)) continue;
    merged.splice(placeFor(merged, wanted, index), 0, key);
  }
  return merged;
}

function placeFor(merged: readonly string[], wanted: readonly string[], index: number): number {
  const before = wanted[index - 1];
  if (before !== undefined) return merged.indexOf(before) + 1;
  const behind = wanted.slice(index + 1).find(key => merged.includes(key));
  return behind === undefined ? merged.length : merged.indexOf(behind);
}
