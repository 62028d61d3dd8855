// xtext (RFC 3461 §4) and what ENVID and ORCPT carry in it: decoded when a command is read, encoded when one is written.
// Strict: what comes out is printable, so that it can stand in a command or in a report without harm. Pure.

/** RFC 3461 §4.4 and §4.2, in characters as they stand in the command. */
const MAX_ENVELOPE_ID = 100;
const MAX_ORIGINAL_RECIPIENT = 500;

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const PRINTABLE = /^[ -~]*$/;
/** An atom (RFC 5322 §3.2.3), as RFC 3461 §4.2 has it. */
const ADDRESS_TYPE = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+$/i;
/** RFC 6533 §3: an EmbeddedUnicodeChar, or a character that stands for itself. */
const UTF8_ADDRESS = /^(?:\\x\{[0-9A-F]{1,6}\}|[!-*,-<>-\[\]-~]|[\P{ASCII}--\p{Cc}--\s])+$/v;
const EMBEDDED = /\\x\{([0-9A-F]{1,6})\}/g;
const STANDS_FOR_ITSELF = /^[!-*,-<>-[\]-~]$/;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

/** The value of ENVID; null where it is not one. */
export function decodeEnvelopeId(value: string): string | null {
  const text = value.length <= MAX_ENVELOPE_ID ? decodeXtext(value) : null;
  return text !== null && PRINTABLE.test(text) ? text : null;
}

export function encodeEnvelopeId(text: string): string {
  return encodeXtext(text);
}

/** The value of ORCPT as `type;address`, the type in lower case; null where it is not one. */
export function decodeOriginalRecipient(value: string): string | null {
  const semicolon = value.indexOf(';');
  const type = value.slice(0, semicolon).toLowerCase();
  const encoded = value.slice(semicolon + 1);
  if (value.length > MAX_ORIGINAL_RECIPIENT || semicolon < 1 || encoded === '') return null;
  if (!ADDRESS_TYPE.test(type)) return null;
  const address = type === 'utf-8' ? decodeUtf8Address(encoded) : decodeXtext(encoded);
  if (address === null || (type !== 'utf-8' && !PRINTABLE.test(address))) return null;
  return `${type};${address}`;
}

/** What `decodeOriginalRecipient` returned, for a command: only ASCII, also where the next server has no SMTPUTF8. */
export function encodeOriginalRecipient(decoded: string): string {
  const semicolon = decoded.indexOf(';');
  const type = decoded.slice(0, semicolon);
  const address = decoded.slice(semicolon + 1);
  return `${type};${type === 'utf-8' ? encodeUtf8Address(address) : encodeXtext(address)}`;
}

/** Latin-1: one character for each octet. Null where the text is no xtext. */
function decodeXtext(value: string): string | null {
  if (!XTEXT.test(value)) return null;
  return value.replace(/\+(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function encodeXtext(text: string): string {
  return text.replace(
    /[^!-*,-<>-~]/g,
    octet => `+${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

function decodeUtf8Address(value: string): string | null {
  if (!UTF8_ADDRESS.test(value)) return null;
  let isText = true;
  const address = value.replace(EMBEDDED, (_, hex: string) => {
    const point = Number.parseInt(hex, 16);
    const character = point <= 0x10ffff ? String.fromCodePoint(point) : '';
    isText &&= character !== '' && !CONTROL.test(character);
    return character;
  });
  return isText ? address : null;
}

function encodeUtf8Address(address: string): string {
  return Array.from(address, character =>
    STANDS_FOR_ITSELF.test(character)
      ? character
      : `\\x{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`,
  ).join('');
}
