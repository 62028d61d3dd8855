// The address at which the browser ended after a consent, as a person pastes it: with blanks and line breaks of a terminal,
// quotes, without its scheme, or only what stands after the question mark. Pure.

/** The parameters in it; null where there is no answer in it. */
export function parametersIn(pasted: string): URLSearchParams | null {
  // An address has no blanks: whatever blanks there are came from the terminal or the mail program.
  const text = pasted.replace(/[\s\p{C}]+/gu, '').replace(/^["'`<«“„]+|["'`>»”“]+$/gu, '');
  const start = text.search(/[?#]/);
  const query = start === -1 ? text : text.slice(start + 1).replace(/#.*$/, '');
  // Copied out of a web page, & is written so.
  const parameters = new URLSearchParams(query.replaceAll('&amp;', '&'));
  return parameters.has('code') || parameters.has('error') ? parameters : null;
}

/**
 * Whether `issuer` (RFC 9207) may have sent an answer of this authorization endpoint. Its name is not among our settings, and
 * some providers have it on another host, so the last two labels of the names decide.
 */
export function isIssuerOf(issuer: string, endpoints: readonly string[]): boolean {
  const site = siteOf(issuer);
  return site !== null && endpoints.some(endpoint => siteOf(endpoint) === site);
}

function siteOf(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { hostname } = new URL(address);
  return /^[\d.]+$|:/.test(hostname) ? hostname : hostname.split('.').slice(-2).join('.');
}
