// The words that the schema is written in: kinds of values (size, duration, listen address …), keys, sections, and what can
// be read back out of them: a parser, its inverse, a description, a JSON schema. The only importer of zod; knows no key by
// name. What is written differently from how it is kept is a codec, so that no kind can be read without being writable.

import * as z from 'zod';
import {
  type DiskReserve,
  formatDiskReserve,
  formatDuration,
  formatListenAddress,
  formatSize,
  isAddressText,
  isHostName,
  isNetworkText,
  type ListenAddress,
  NETWORK_WORDS,
  parseDiskReserve,
  parseDuration,
  parseListenAddress,
  parseSize,
} from './values.ts';

/** A kind of value: how it is checked, and in words what may be given. */
export type Kind<Output, Input> = Readonly<{ schema: z.ZodType<Output, Input>; allowed: string }>;

/** What the reference, the example and the error messages say about one key. */
export type KeyDescription = Readonly<{
  type: 'key';
  /** For example `limits.message_size`; `listeners[].port` for a key of a list's items. */
  path: string;
  /** What it does and why one would change it. */
  means: string;
  /** What may be given, with its unit: completes "give …". */
  allowed: string;
  /** As one would write it in the file; undefined where there is none. */
  fallback: unknown;
  /** Shown in the example where there is no default. */
  example: string | null;
  /** Printed as asterisks. */
  secret: boolean;
  /** The value is text: what YAML would read as a number or a list is still that text. */
  isText: boolean;
  /** The value is a list of texts. */
  isList: boolean;
}>;

export type SectionDescription = Readonly<{ type: 'section'; path: string; means: string }>;

/** Something that does not fit. `keys` names the unknown keys below `path`; null: the value at `path` cannot be used. */
export type Misfit = Readonly<{ path: readonly (string | number)[]; keys: readonly string[] | null }>;

export type Parsed<Output> =
  | Readonly<{ kind: 'valid'; value: Output }>
  | Readonly<{ kind: 'invalid'; misfits: readonly Misfit[] }>;

export type OutputOf<Schema extends z.ZodType> = z.output<Schema>;

type KeyFacts = Readonly<{ means: string; allowed: string; example: string | null; secret: boolean }>;
const keyFacts = z.registry<KeyFacts>();
const sectionFacts = z.registry<Readonly<{ means: string }>>();

/** Octets. Bounds as in the file. */
export const size = (low: string, high: string) =>
  bounded(
    { parse: parseSize, format: octets => (octets % 1024 === 0 ? formatSize(octets) : octets) },
    parseSize(low) ?? 0,
    parseSize(high) ?? 0,
    `a number of octets or a size such as 64 KiB or 50 MiB, from ${low} to ${high}`,
  );

/** Milliseconds inside, seconds or `5m` outside. */
export const duration = (low: string, high: string) =>
  bounded(
    { parse: parseDuration, format: formatDuration },
    parseDuration(low) ?? 0,
    parseDuration(high) ?? 0,
    `a number of seconds or a duration such as 90s, 5m, 1h or 4d, from ${low} to ${high}`,
  );

export const count = (low: number, high: number): Kind<number, number> => ({
  schema: z.int().min(low).max(high),
  allowed: `a whole number from ${low} to ${high}`,
});

export const yesOrNo: Kind<boolean, boolean> = { schema: z.boolean(), allowed: 'true or false' };

export const oneOf = <const Words extends readonly [string, ...string[]]>(
  words: Words,
): Kind<Words[number], Words[number]> => ({
  schema: z.enum(words),
  allowed: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
});

export const path: Kind<string, string> = { schema: z.string().trim().min(1), allowed: 'a path' };

export const hostName: Kind<string, string> = {
  schema: z.string().refine(isHostName),
  allowed: 'a host name of letters, digits, hyphens and dots',
};

export const ipAddress: Kind<string, string> = {
  schema: z.string().refine(isAddressText),
  allowed: 'an IP address of this machine, or :: or 0.0.0.0 for every one',
};

export const names: Kind<string[], string[]> = {
  schema: z.array(z.string().refine(name => isHostName(name) || isAddressText(name))),
  allowed: 'a list of host names and IP addresses',
};

const networkList = z.array(z.string().refine(isNetworkText));
const networkItems = `networks such as 192.168.0.0/16, addresses, and the words ${NETWORK_WORDS.join(', ')}`;

/** CIDR networks, single addresses, and the words for kinds of networks. */
export const networks: Kind<string[], string[]> = {
  schema: networkList,
  allowed: `a list of ${networkItems}`,
};

/** The same, at least one. */
export const someNetworks: Kind<string[], string[]> = {
  schema: networkList.min(1),
  allowed: `a list with at least one item, of ${networkItems}`,
};

/** Some of a fixed set of words in capitals, at least one; small letters are as good. */
export const someOf = <const Words extends readonly [string, ...string[]]>(
  words: Words,
): Kind<Words[number][], string[]> => ({
  schema: z.array(z.union([z.enum(words), z.string().toUpperCase().pipe(z.enum(words))])).min(1),
  allowed: `a list of one or more of ${words.join(', ')}`,
});

/** Null is off. */
export const listenAddress: Kind<ListenAddress | null, string> = {
  schema: written(
    z.string(),
    z.custom<ListenAddress | null>(value => value !== undefined),
    // Undefined is a misfit, null is off.
    text => (text.trim() === '' ? null : (parseListenAddress(text) ?? undefined)),
    formatListenAddress,
  ),
  allowed: "ADDRESS:PORT such as 127.0.0.1:8025 or [::1]:8025, :PORT for every address, or '' for off",
};

export const diskReserve = {
  schema: written(
    z.union([z.string(), z.number()]),
    z.custom<DiskReserve>(value => value !== undefined),
    value => parseDiskReserve(value) ?? undefined,
    formatDiskReserve,
  ),
  allowed: 'a size such as 256 MiB, a share such as 5 %, or the larger of both as max(256 MiB, 5 %)',
} satisfies Kind<unknown, string | number>;

/** Any text; what YAML takes for a number is none. */
export const text = (allowed: string): Kind<string, string> => ({ schema: z.string(), allowed });

/** Any list of texts. */
export const texts = (allowed: string): Kind<string[], string[]> => ({
  schema: z.array(z.string()),
  allowed,
});

/** Whatever `read` takes; undefined is a misfit. For documents that are only read, never written by their schema. */
export const readBy = <Output>(
  read: (value: unknown) => Output | undefined,
  allowed: string,
): Kind<Output, unknown> => ({
  schema: z.unknown().transform((value, context): Output => {
    const output = read(value);
    if (output !== undefined) return output;
    context.issues.push({ code: 'custom', message: 'cannot be read', input: value });
    return z.NEVER;
  }),
  allowed,
});

/** A section that may be left out as a whole. */
export const optionalSection = <Shape extends z.core.$ZodLooseShape>(shape: Shape, means: string) =>
  z.optional(z.strictObject(shape)).register(sectionFacts, { means });

/** A list of sections that may be empty, or left out. */
export const optionalSections = <Shape extends z.core.$ZodLooseShape>(
  item: z.ZodObject<Shape, z.core.$strict>,
  allowed: string,
  means: string,
) => z.optional(z.array(item)).register(keyFacts, { means, allowed, example: null, secret: false });

/** A list with at least one item, each a section. */
export const listOf = <Shape extends z.core.$ZodLooseShape>(
  item: z.ZodObject<Shape, z.core.$strict>,
  allowed: string,
) => ({ schema: z.array(item).min(1), allowed });

/** A key with a default, given as one would write it in the file. */
export const key = <Output, Input>(kind: Kind<Output, Input>, fallback: Input, means: string) =>
  z
    .prefault(kind.schema, fallback as z.core.util.NoUndefined<Input>)
    .register(keyFacts, { means, allowed: kind.allowed, example: null, secret: false });

/** A key that must be given where its section is. */
export const requiredKey = <Output, Input>(
  kind: Kind<Output, Input>,
  means: string,
  { secret = false }: Readonly<{ secret?: boolean }> = {},
) =>
  // A copy, so that two keys of one kind do not share one description.
  kind.schema.clone().register(keyFacts, { means, allowed: kind.allowed, example: null, secret });

/** A key without a default. */
export const optionalKey = <Output, Input>(
  kind: Kind<Output, Input>,
  example: string,
  means: string,
  { secret = false }: Readonly<{ secret?: boolean }> = {},
) => z.optional(kind.schema).register(keyFacts, { means, allowed: kind.allowed, example, secret });

export const keys = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.strictObject(shape);

export const section = <Shape extends z.core.$ZodLooseShape>(shape: Shape, means: string) => {
  const object = z.strictObject(shape);
  // Every key of a section has a default or is optional, so the empty section is valid input.
  return z.prefault(object, {} as never).register(sectionFacts, { means });
};

export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): Parsed<OutputOf<Schema>> {
  const result = schema.safeParse(input);
  if (result.success) return { kind: 'valid', value: result.data };
  const misfits = result.error.issues.map(issue => ({
    path: issue.path.map(step => (typeof step === 'symbol' ? String(step) : step)),
    keys: issue.code === 'unrecognized_keys' ? issue.keys : null,
  }));
  return { kind: 'invalid', misfits };
}

/** As one would write it in the file: the inverse of `parseWith`. */
export function writeWith<Schema extends z.ZodType>(
  schema: Schema,
  value: OutputOf<Schema>,
): z.input<Schema> {
  return z.encode(schema, value);
}

/** Every section and key below a schema, in its order. */
export function describeSchema(
  schema: z.core.$ZodType,
  path = '',
): readonly (KeyDescription | SectionDescription)[] {
  const facts = keyFacts.get(schema);
  const means = sectionFacts.get(schema)?.means;
  const inner = unwrap(schema);
  const own: (KeyDescription | SectionDescription)[] = [];
  if (facts !== undefined) {
    const fallback = schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
    own.push({
      type: 'key',
      path,
      ...facts,
      fallback,
      isText: inner instanceof z.ZodString,
      isList: inner instanceof z.ZodArray && !(inner.element instanceof z.ZodObject),
    });
  }
  if (means !== undefined) own.push({ type: 'section', path, means });
  if (inner instanceof z.ZodArray) return [...own, ...describeSchema(inner.element, `${path}[]`)];
  if (!(inner instanceof z.ZodObject)) return own;
  const below = Object.entries(inner.shape).flatMap(([name, child]) =>
    describeSchema(child, path === '' ? name : `${path}.${name}`),
  );
  return [...own, ...below];
}

/** JSON Schema (2020-12) of what may be written, for editors. */
export function jsonSchemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      const aboutSection = sectionFacts.get(zodSchema);
      const means = keyFacts.get(zodSchema)?.means ?? aboutSection?.means;
      if (means !== undefined) jsonSchema.description = means;
      // `limits:` above lines that are all commented out.
      if (aboutSection !== undefined) Object.assign(jsonSchema, { type: ['object', 'null'] });
    },
  });
}

/** Down through defaults, options and transformations to what is written in the file. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return unwrap(schema.def.innerType);
  if (schema instanceof z.ZodPipe) return unwrap(schema.def.in);
  return schema;
}

function bounded(
  {
    parse,
    format,
  }: Readonly<{
    parse: (value: string | number) => number | null;
    format: (value: number) => string | number;
  }>,
  low: number,
  high: number,
  allowed: string,
): Kind<number, string | number> {
  const schema = written(
    z.union([z.string(), z.number()]),
    z.number(),
    value => {
      const parsed = parse(value);
      return parsed !== null && parsed >= low && parsed <= high ? parsed : undefined;
    },
    format,
  );
  return { schema, allowed };
}

/** What is read from a written value (undefined is a misfit), and how it is written again. */
function written<Written, Output>(
  outside: z.ZodType<Written, Written>,
  inside: z.ZodType<Output, Output>,
  read: (value: Written) => Output | undefined,
  write: (value: Output) => Written,
) {
  return z.codec(outside, inside, {
    decode: (value, context) => {
      const parsed = read(value);
      if (parsed !== undefined) return parsed;
      context.issues.push({ code: 'custom', message: 'cannot be read', input: value });
      return z.NEVER;
    },
    encode: write,
  });
}
