// A canary is a password that is used in one place only, so that whoever finds it elsewhere knows where it leaked. It has
// a core of letters and digits, which stays the same in every character set and normal form, and an end that does not.

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Canary = Readonly<{
  /** Where it is put. */
  where: string;
  /** The whole secret. */
  text: string;
  core: string;
}>;

/** Characters of a core. */
const CORE = 22;

/** The part of a secret that may stand where only letters and digits may. */
export function coreOf(secret: string): string {
  return secret.slice(0, CORE);
}

/** NFC and NFD, windows-1252 and UTF-8 differ in it, JSON and shells escape it. */
const END = 'Ñ$"\\€';

export function createCanaries(): Readonly<{
  make: (where: string) => Canary;
  /** `WHERE, as ENCODING` for each one that stands in the octets. */
  foundIn: (octets: Uint8Array) => readonly string[];
}> {
  const made: Canary[] = [];
  return {
    make: where => {
      const core = `Cn${randomBytes((CORE - 2) / 2).toString('hex')}`;
      const canary = { where, core, text: `${core}${END}` };
      made.push(canary);
      return canary;
    },
    foundIn: octets => {
      const whole = Buffer.from(octets);
      return made.flatMap(({ where, core }) =>
        encodings(core)
          .filter(([, form]) => whole.includes(form))
          .map(([name]) => `${where}, as ${name}`),
      );
    },
  };
}

/** What the core looks like in every encoding that a program could have written it in. */
export function encodings(core: string): readonly (readonly [name: string, form: Buffer])[] {
  const octets = Buffer.from(core);
  const reversed = Buffer.from([...core].reverse().join(''));
  return [
    ['plain text', octets],
    ['capitals', Buffer.from(core.toUpperCase())],
    ['small letters', Buffer.from(core.toLowerCase())],
    ['hexadecimal', Buffer.from(octets.toString('hex'))],
    ['hexadecimal in capitals', Buffer.from(octets.toString('hex').toUpperCase())],
    ['UTF-16', Buffer.from(core, 'utf16le')],
    ['UTF-16 with the high octet first', Buffer.from(core, 'utf16le').swap16()],
    ['text backwards', reversed],
    ...[0, 1, 2].flatMap(shift => base64At(octets, shift)),
  ];
}

/** The characters of base64 that depend on the core alone, where `shift` octets modulo 3 stand before it. */
function base64At(octets: Buffer, shift: number): readonly (readonly [string, Buffer])[] {
  const whole = Buffer.concat([Buffer.alloc(shift), octets]);
  const lead = shift === 0 ? 0 : 4;
  const text = whole.toString('base64').slice(lead, Math.floor(whole.length / 3) * 4);
  const forUrls = text.replaceAll('+', '-').replaceAll('/', '_');
  return [
    ['base64', Buffer.from(text)],
    ['base64 for URLs', Buffer.from(forUrls)],
  ];
}

/** Every file below a folder, with its octets. */
export function filesBelow(folder: string): readonly (readonly [path: string, octets: Buffer])[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => [path, readFileSync(path)] as const);
}
