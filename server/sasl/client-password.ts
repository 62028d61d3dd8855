// PLAIN (RFC 4616) and LOGIN as a client: they send the password itself, so they come last where there is no TLS.

import { answer, asTyped, type ClientMechanism, utf8 } from './client-mechanism.ts';

export const plainClient: ClientMechanism = {
  name: 'PLAIN',
  passwords: asTyped,
  // No authzid: some servers refuse even one that is the name.
  start: ({ user, password }) => answer(utf8(`\0${user}\0${password}`)),
};

export const loginClient: ClientMechanism = {
  name: 'LOGIN',
  passwords: asTyped,
  // The prompts differ from server to server; what they ask for does not.
  start: ({ user, password }) => answer(null, () => answer(utf8(user), () => answer(utf8(password)))),
};
