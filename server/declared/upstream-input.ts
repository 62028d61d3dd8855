// From what a declaration says of an upstream to the settings that it shall have. The parts' own check (relay/upstream-input.ts)
// says one thing at a time about the whole; here each key is tried without, so that every problem is said, and where. Pure.

import { checkName, newSettings, type UpstreamInput, type UpstreamOptions } from '../relay/upstream-input.ts';
import type { UpstreamSettings } from '../relay/upstream-statements.ts';
import { inKeys } from './change.ts';
import type { DeclaredUpstream } from './upstream-keys.ts';
import { GIVE_SECRET, type Login, loginOf, type StoredUpstream } from './upstream-login.ts';
import { type KeyProblem, placeOf } from './upstream-place.ts';

export type ReadUpstream =
  | Readonly<{ kind: 'read'; input: UpstreamInput; keeps: Login['keeps'] }>
  | Readonly<{ kind: 'wrong'; problems: readonly KeyProblem[] }>;

/** A key with what it sets. */
type Part = Readonly<{ key: string; options: UpstreamOptions }>;

export function readUpstream(declared: DeclaredUpstream, stored: StoredUpstream | null): ReadUpstream {
  const badName = checkName(declared.name);
  const problems: KeyProblem[] = badName === null ? [] : [{ path: ['name'], text: badName }];
  const place = placeOf(declared);
  if (place.kind === 'nowhere') {
    const others = problemsIn({ name: declared.name, ...SOMEWHERE }, partsOf(declared));
    return { kind: 'wrong', problems: [...problems, ...place.problems, ...others] };
  }
  const { url, preset, region } = place;
  const { keeps, usedRegion, problems: ofLogin, ...login } = loginOf(declared, place, stored);
  const base: UpstreamInput = {
    ...{ name: declared.name, url, preset, ...login },
    allowPlaintext: declared.allow_plaintext === true,
  };
  const parts = [
    ...(region === null || usedRegion ? [] : [{ key: 'region', options: { region } }]),
    ...partsOf(declared),
  ];
  // What cannot be logged in to is judged as if it were elsewhere: the other keys are as right or wrong there.
  const others =
    ofLogin.length > 0 ? problemsIn({ ...base, ...SOMEWHERE }, partsOf(declared)) : problemsIn(base, parts);
  problems.push(...ofLogin, ...others);
  return problems.length > 0
    ? { kind: 'wrong', problems }
    : { kind: 'read', input: withParts(base, parts), keeps };
}

/** An address for those keys that can be judged without the right one. */
const SOMEWHERE = { url: 'smtps://user@example.com@smtp.example.com', password: '-' };

const UNSEALED = new Uint8Array();

/** The settings, with `seals` for its secrets. Call it with what `readUpstream` found good. */
export function settingsFrom(
  input: UpstreamInput,
  seals: Parameters<typeof newSettings>[1],
): UpstreamSettings {
  const made = newSettings(input, seals);
  if (made.kind === 'refused') throw new Error('an upstream was not checked');
  return made.settings;
}

function refusalOf(input: UpstreamInput): string | null {
  const made = newSettings(input, { password: () => UNSEALED, clientSecret: () => UNSEALED });
  return made.kind === 'refused' ? made.text : null;
}

function problemsIn(base: UpstreamInput, parts: readonly Part[]): readonly KeyProblem[] {
  const problems: KeyProblem[] = [];
  let [given, left] = [base, parts];
  for (
    let text = refusalOf(withParts(given, left));
    text !== null;
    text = refusalOf(withParts(given, left))
  ) {
    const said = text;
    const isCure = (input: UpstreamInput) => refusalOf(input) !== said;
    const guilty = left.find(part => isCure(withParts(given, without(left, part))));
    const withPassword = { ...given, password: '-' };
    if (guilty !== undefined) {
      problems.push({ path: [guilty.key], text: inKeys(said) });
      left = without(left, guilty);
    } else if (typeof given.password !== 'string' && isCure(withParts(withPassword, left))) {
      problems.push({ path: ['password'], text: `is missing; ${GIVE_SECRET}, or oauth` });
      given = withPassword;
    } else {
      return [...problems, { path: [], text: inKeys(said) }];
    }
  }
  return problems;
}

function without(parts: readonly Part[], one: Part): readonly Part[] {
  return parts.filter(part => part !== one);
}

function withParts(base: UpstreamInput, parts: readonly Part[]): UpstreamInput {
  let input = base;
  for (const { options } of parts) {
    const pacing = { ...input.pacing, ...options.pacing };
    const identity = { ...input.identity, ...options.identity };
    input = { ...input, ...options, pacing, identity };
  }
  return input;
}

/** The keys that are given, apart from where it is and how it is logged in to. */
function partsOf(declared: DeclaredUpstream): readonly Part[] {
  const { ca, ehlo_name: ehloName, connections, max_size: messageSize } = declared;
  const { sender, senders, rewrite, null_sender: nullSender, display_name: displayName } = declared;
  const { per_connection: messagesPerConnection, per_minute: messagesPerMinute } = declared;
  const { per_hour: messagesPerHour, per_day: messagesPerDay } = declared;
  const parts: readonly (Part | null)[] = [
    ca ? { key: 'ca', options: { caPem: ca } } : null,
    ehloName ? { key: 'ehlo_name', options: { ehloName } } : null,
    connections === undefined ? null : { key: 'connections', options: { connections } },
    messagesPerConnection === undefined
      ? null
      : { key: 'per_connection', options: { pacing: { messagesPerConnection } } },
    messagesPerMinute === undefined
      ? null
      : { key: 'per_minute', options: { pacing: { messagesPerMinute } } },
    messagesPerHour === undefined ? null : { key: 'per_hour', options: { pacing: { messagesPerHour } } },
    messagesPerDay === undefined ? null : { key: 'per_day', options: { pacing: { messagesPerDay } } },
    messageSize === undefined ? null : { key: 'max_size', options: { messageSize } },
    sender ? { key: 'sender', options: { identity: { sender } } } : null,
    senders === undefined ? null : { key: 'senders', options: { identity: { senders } } },
    rewrite === undefined ? null : { key: 'rewrite', options: { identity: { rewrite } } },
    nullSender === undefined ? null : { key: 'null_sender', options: { identity: { nullSender } } },
    displayName === undefined ? null : { key: 'display_name', options: { identity: { displayName } } },
  ];
  return parts.flatMap(part => part ?? []);
}
