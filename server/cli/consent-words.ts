// What the operator is told while authorising an upstream. Pure.

import type { CodeConsent, DeviceConsent } from '../relay/oauth/authorizer.ts';
import type { OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import { counted } from './output.ts';
import { wrapped } from './wrapping.ts';

/** Who is asked: as people call it, or the host of its address. */
export function providerName({
  provider,
  tokenEndpoint,
}: Pick<OAuthSettings, 'provider' | 'tokenEndpoint'>): string {
  if (provider === 'google') return 'Google';
  return provider === 'microsoft' ? 'Microsoft' : new URL(tokenEndpoint).host;
}

/** The address stands on a line of its own, whole, so that it can be copied. `listens`: a browser here is heard. */
export function codeText(
  { url, redirectUri }: Pick<CodeConsent, 'url' | 'redirectUri'>,
  { listens, columns }: Readonly<{ listens: boolean; columns: number }>,
): string {
  const page = `The browser ends at a page on ${new URL(redirectUri).host}`;
  const copy = 'copy its whole address from the browser and paste it here.';
  const after = listens
    ? `${page}. If that page does not load, as on another machine, ${copy}`
    : `${page} that does not load: ${copy}`;
  const before = 'Open this address in a browser on any machine, log in and agree:';
  return `${wrapped(before, columns)}\n\n${url}\n\n${wrapped(after, columns)}\n`;
}

/** `qr`: the address as a QR code, where it can be shown. */
export function deviceText(
  { address, userCode, addressWithCode }: Pick<DeviceConsent, 'address' | 'userCode' | 'addressWithCode'>,
  { qr, columns }: Readonly<{ qr: string | null; columns: number }>,
): string {
  const scan = addressWithCode === null ? 'scan it above' : 'scan it above, which has the code in it';
  const or = qr === null ? '' : ` (or ${scan})`;
  const what = wrapped(`Open this address on any device${or}, type the code, log in and agree:`, columns);
  const picture = qr === null ? [] : [qr, ''];
  return [...picture, what, `  Address  ${address}`, `  Code     ${userCode}`, ''].join('\n');
}

/** `left` in milliseconds. */
export function waitingText(left: number): string {
  const minutes = Math.max(1, Math.ceil(left / 60_000));
  return `Waiting for you to agree: ${counted(minutes, 'minute')} left, Ctrl-C stops.`;
}

/** What was pasted is not the answer: what it seems to be, and what to paste instead. */
export function wrongPaste(
  text: string,
  { url, redirectUri }: Pick<CodeConsent, 'url' | 'redirectUri'>,
): string {
  const wanted = `Paste the whole address of the page at which the browser ended: it begins with ${redirectUri} and has "code=" in it.`;
  const pasted = addressIn(text);
  if (text.trim() === '') return `That was empty. ${wanted}`;
  if (pasted === null) return `That is no address; a code alone is not enough. ${wanted}`;
  if (pasted.host === new URL(url).host) {
    return `That is a page of the provider: log in and agree there first. ${wanted}`;
  }
  if (pasted.searchParams.has('state')) {
    return `That address is cut off, or belongs to an earlier try. ${wanted}`;
  }
  return `That is another address. ${wanted}`;
}

function addressIn(text: string): URL | null {
  try {
    return new URL(text.replace(/[\s"'<>]+/g, ''));
  } catch {
    return null;
  }
}
