// What an upstream says about our login, without our login: some servers repeat the line that they refuse, or name the
// password that they did not like. Their words go to the log, the database and the operator; a password must not. Pure.

import type { SetupTrouble } from './setup-fault.ts';

export type LoginSecrets = Readonly<{
  /** Or an access token. */
  password: string;
  /** What was sent in base64, word by word, and whatever else no part of may be shown. */
  tokens: readonly string[];
}>;

/** An access token: no part of it is an ordinary word. */
export function tokenSecrets(token: string): LoginSecrets {
  return { password: token, tokens: [token, Buffer.from(token, 'utf8').toString('base64')] };
}

const SHOWN = '***';
/** So many characters of a token in a row are no accident: base64 has no words. A repeated line may be cut off. */
const SHORTEST_RUN = 12;
/** A shorter password cannot be told from an ordinary word or part of one. */
const SHORTEST_PASSWORD = 4;

/** The same trouble, with `***` for whatever of the secrets was repeated. */
export function troubleWithoutSecrets(trouble: SetupTrouble, secrets: LoginSecrets): SetupTrouble {
  const { reply, tokenRefusal } = trouble;
  const hide = (text: string) => withoutSecrets(text, secrets);
  const hideIn = (text: string | null) => (text === null ? null : hide(text));
  return {
    ...trouble,
    message: hide(trouble.message),
    reply: reply === null ? null : { ...reply, text: hide(reply.text), line: hide(reply.line) },
    ...(tokenRefusal === undefined
      ? {}
      : {
          tokenRefusal: {
            status: hideIn(tokenRefusal.status),
            schemes: hideIn(tokenRefusal.schemes),
            scope: hideIn(tokenRefusal.scope),
          },
        }),
  };
}

/** Letter case does not count: some servers write a command in capitals before they repeat it. */
export function withoutSecrets(text: string, { password, tokens }: LoginSecrets): string {
  // The octets of a reply are not always read as UTF-8, and remote-reply.ts makes blanks of controls and one of several.
  const asLatin1 = Buffer.from(password, 'utf8').toString('latin1');
  const words = [password, asLatin1]
    .flatMap(word => [word, word.replace(/[\s\p{Cc}]+/gu, ' ').trim()])
    .filter(word => word.length >= SHORTEST_PASSWORD);
  const withoutPassword = words.reduce((left, word) => left.replace(literally(word), SHOWN), text);
  return tokens.reduce(withoutRuns, withoutPassword);
}

function literally(word: string): RegExp {
  return new RegExp(word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu');
}

function withoutRuns(text: string, token: string): string {
  const whole = token.toLowerCase();
  const shortest = shortestRuns(whole);
  let kept = '';
  for (let i = 0; i < text.length; ) {
    const isRun = shortest.has(text.slice(i, i + SHORTEST_RUN).toLowerCase());
    const length = isRun ? lengthOfRun(text, i, whole) : 0;
    kept += length === 0 ? text.charAt(i) : SHOWN;
    i += Math.max(1, length);
  }
  return kept;
}

/** A text may have 64 KiB, and a token 2 KiB, which are not to be searched for each place of the text. */
function shortestRuns(token: string): ReadonlySet<string> {
  const count = Math.max(0, token.length - SHORTEST_RUN + 1);
  return new Set(Array.from({ length: count }, (_, i) => token.slice(i, i + SHORTEST_RUN)));
}

/** How many characters from `start` on stand in the token too, where the first of them do. */
function lengthOfRun(text: string, start: number, token: string): number {
  const has = (length: number) => token.includes(text.slice(start, start + length).toLowerCase());
  let length = SHORTEST_RUN;
  while (start + length < text.length && has(length + 1)) length++;
  return length;
}
