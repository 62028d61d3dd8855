// What some OAuth2 servers answer otherwise than RFC 6749 §5.1 and RFC 8628 §3.2 have it, put right before the library reads it,
// which refuses it whole: members that are null or empty, numbers in quotes, a scope that is a list, no token_type. Such an
// answer may hold a new refresh token in place of the one that was used: refused, the consent would be lost. Pure.

/** `answer`: the JSON object that came. Errors (§5.2) stay as they are. */
export function asStandard(answer: object): object {
  const members = Object.entries(answer).filter(([name, value]) => isSaid(name, value));
  const said = Object.fromEntries(members.map(([name, value]) => [name, standardValue(name, value)]));
  return {
    ...('access_token' in said && !('token_type' in said) ? { token_type: 'bearer' } : {}),
    // As Google called it before there was a standard.
    ...('verification_url' in said ? { verification_uri: said['verification_url'] } : {}),
    ...said,
  };
}

function isSaid(name: string, value: unknown): boolean {
  // Who the person is, we do not ask; and to check an ID token we would have to know its issuer, which no setting names.
  if (name === 'id_token' || value === null || value === '') return false;
  if (name === 'interval') return Number(value) > 0;
  if (name === 'expires_in') return Number(value) >= 0;
  return true;
}

function standardValue(name: string, value: unknown): unknown {
  if ((name === 'interval' || name === 'expires_in') && typeof value === 'string') return Number(value);
  return name === 'scope' && Array.isArray(value) ? value.join(' ') : value;
}
