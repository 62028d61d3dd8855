// LOGIN (draft-murchison-sasl-login): asks for the name, then the password. The prompts are exact to the octet, because
// devices compare them. An initial response is the name. An empty name still gets the password prompt before it fails:
// a device that sends the password next must not have it read as a command.

import { challenge, type Mechanism, passwordCredentials, type Step } from './mechanism.ts';

const USERNAME = new TextEncoder().encode('Username:');
const PASSWORD = new TextEncoder().encode('Password:');

export const login: Mechanism = {
  name: 'LOGIN',
  serverFirst: false,
  start: initial => (initial === null ? challenge(USERNAME, askPassword) : askPassword(initial)),
};

function askPassword(name: Uint8Array): Step {
  return challenge(PASSWORD, password => passwordCredentials(name, password));
}
