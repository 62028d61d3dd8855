// Addresses of OAuth2 that the operator gives: null where they can be used, else the sentence that says why not. Codes and
// tokens go there, so only TLS will do, or this machine itself. Pure.

/** `which`: `token endpoint`. */
export function checkEndpoint(which: string, address: string): string | null {
  const url = parse(address);
  if (url === null)
    return `The ${which} is no address: it must be an absolute URL such as https://login.example.com/token.`;
  if (url.username !== '' || url.password !== '')
    return `The ${which} must not contain a user name or password.`;
  if (url.hash !== '') return `The ${which} must not contain "#" (RFC 6749 §3.1).`;
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url))) return null;
  return `The ${which} must begin with https:// (http:// only on this machine): tokens and codes go there.`;
}

/** Where the browser of the person who consents is sent to. */
export function checkRedirect(address: string): string | null {
  if (address.startsWith('urn:')) {
    return 'The redirect address cannot be an urn: (Google ended that in 2022): use http://127.0.0.1 or http://localhost.';
  }
  return checkEndpoint('redirect address', address);
}

function parse(address: string): URL | null {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

function isThisMachine({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
