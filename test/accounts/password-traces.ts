// How a password could lie about so that somebody could read it back: each form that clients send, in each encoding that
// programs use, and what is as good as it (unsalted digests, the padded keys of HMAC-MD5, the keys of SCRAM that log in).

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { ScramSalt } from '../../server/sasl/mechanism.ts';
import { passwordForms } from '../../server/sasl/password-forms.ts';

export type Trace = Readonly<{ how: string; octets: Buffer }>;

/** `salts`: those of the account's login names. */
export function tracesOf(password: string, salts: readonly ScramSalt[]): readonly Trace[] {
  const spellings = new Set([password, password.toLowerCase(), password.toUpperCase()]);
  const texts = [...spellings].flatMap(text => [
    { how: 'UTF-16LE', octets: Buffer.from(text, 'utf16le') },
    { how: 'UTF-16BE', octets: Buffer.from(text, 'utf16le').swap16() },
    { how: 'URL', octets: Buffer.from(encodeURIComponent(text)) },
    { how: 'JSON', octets: Buffer.from(asciiJson(text)) },
  ]);
  const forms = [...spellings].flatMap(passwordForms).map(form => Buffer.from(form));
  return [...texts, ...forms.flatMap(encoded), ...forms.flatMap(form => asGoodAs(form, salts))];
}

/** The first of the traces that is in `octets`, or null. */
export function findTrace(octets: Uint8Array, traces: readonly Trace[]): Trace | null {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  return traces.find(trace => buffer.includes(trace.octets)) ?? null;
}

function encoded(octets: Buffer): readonly Trace[] {
  return [
    { how: 'as it is', octets },
    { how: 'backwards', octets: Buffer.from(octets).reverse() },
    { how: 'hex', octets: Buffer.from(octets.toString('hex')) },
    { how: 'HEX', octets: Buffer.from(octets.toString('hex').toUpperCase()) },
    ...[0, 1, 2].flatMap(offset => [
      { how: `base64 after ${offset}`, octets: base64(octets, offset, 'base64') },
      { how: `base64url after ${offset}`, octets: base64(octets, offset, 'base64url') },
    ]),
  ];
}

/** The characters of base64 that depend on these octets alone, where `offset` others stand before them. */
function base64(octets: Buffer, offset: number, encoding: 'base64' | 'base64url'): Buffer {
  const text = Buffer.concat([Buffer.alloc(offset), octets]).toString(encoding);
  return Buffer.from(text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + octets.length) * 8) / 6)));
}

const MD5_BLOCK = 64;

function asGoodAs(form: Buffer, salts: readonly ScramSalt[]): readonly Trace[] {
  const digest = (name: string) => createHash(name).update(form).digest();
  const key = form.length > MD5_BLOCK ? digest('md5') : form;
  const secrets = [
    ...['md5', 'sha1', 'sha256', 'sha512'].map(name => ({ how: name, octets: digest(name) })),
    ...[0x36, 0x5c].map(pad => ({
      how: `HMAC key ^ ${pad}`,
      octets: Buffer.from(key.map(octet => octet ^ pad)),
    })),
    ...salts.flatMap(({ salt, iterations }) => {
      const salted = pbkdf2Sync(form, salt, iterations, 32, 'sha256');
      const clientKey = createHmac('sha256', salted).update('Client Key').digest();
      return [
        { how: 'SaltedPassword', octets: salted },
        { how: 'ClientKey', octets: clientKey },
      ];
    }),
  ];
  return secrets.flatMap(({ how, octets }) =>
    encoded(octets).map(trace => ({ how: `${how}, ${trace.how}`, octets: trace.octets })),
  );
}

/** With `\u` for what is not ASCII. */
function asciiJson(text: string): string {
  return [...text].map(character => escaped(character)).join('');
}

function escaped(character: string): string {
  const plain = JSON.stringify(character).slice(1, -1);
  if (/^[ -~]*$/.test(plain)) return plain;
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}
