// Reads what sending APIs answer in JSON: anything may come, so everything may be missing, and a text may be of any length. Pure.

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

/** More than any error says. The catalogues' patterns look at all of it, some again and again. */
const LONGEST_TEXT = 2000;

/** A text of an object, cut and without control characters, or the empty one. */
export function textAt(object: JsonObject | null, ...names: readonly string[]): string {
  const value = names
    .map(name => object?.[name])
    .find(one => typeof one === 'string' || typeof one === 'number');
  return value === undefined ? '' : shortened(String(value));
}

/** What else than a field is looked at by patterns, or shown. */
export function shortened(text: string): string {
  return text.slice(0, LONGEST_TEXT).replace(/\p{Cc}+/gu, ' ');
}
