// Reads what a client of a sending API sent, as strictly as the strictest of them would.

import { type AddressObject, simpleParser } from 'mailparser';
import type { HeardRequest, Taken } from './sending-api-stand-in.ts';

export function json(request: HeardRequest): unknown {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return null;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body));
  } catch {
    return null;
  }
}

/** What stands in a JSON value at a path. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  return at(Object.entries(value).find(([key]) => key === name)?.[1], ...rest);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Standard, padded, in one line. */
export function base64(value: unknown): Buffer | null {
  if (!isText(value) || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return null;
  return Buffer.from(value, 'base64');
}

export function looksLikeAddress(address: string): boolean {
  return /^("[^"]+"|[^\s"@,]+)@([\w-]+\.)+[\w-]+$/.test(address);
}

export function headerOf(message: Buffer): string {
  const end = message.indexOf('\r\n\r\n');
  return message.subarray(0, end < 0 ? message.length : end).toString('utf8');
}

/** The sender in the header, where its domain is not among those that are verified. */
export function unverifiedSender(
  message: Buffer,
  { verified }: Readonly<{ verified?: readonly string[] }>,
): string | null {
  const sender = /^From:.*?([^\s<>"@]+@[\w.-]+)/im.exec(headerOf(message))?.[1] ?? '';
  const domain = sender.split('@').at(-1) ?? '';
  return verified === undefined || verified.includes(domain) ? null : sender;
}

/** To whom a message goes that names its recipients itself, as another parser than ours reads it. */
export async function byHeader(message: Buffer): Promise<Taken> {
  const { to, cc, bcc } = await simpleParser(message);
  const recipients = [to, cc, bcc].flat().flatMap(field => (field === undefined ? [] : addressesIn(field)));
  return { message, recipients, reversePath: null };
}

function addressesIn({ value }: AddressObject): readonly string[] {
  return value
    .flatMap(one => [one.address ?? '', ...(one.group ?? []).map(({ address }) => address ?? '')])
    .filter(one => one !== '');
}
