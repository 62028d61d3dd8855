// Reads what sending APIs answer in JSON: anything may come, so everything may be missing. Pure.

export type JsonObject = Readonly<Record<string, unknown>>;

/** The body as a JSON object; null: it is none. */
export function jsonObject(body: string): JsonObject | null {
  try {
    return asObject(JSON.parse(body));
  } catch {
    return null;
  }
}

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : null;
}

/** A text of an object, or the empty one. */
export function textAt(object: JsonObject | null, ...names: readonly string[]): string {
  const value = names
    .map(name => object?.[name])
    .find(one => typeof one === 'string' || typeof one === 'number');
  return value === undefined ? '' : String(value);
}
