// What a request to an OAuth2 endpoint came to where it brought nothing, and how it is quoted. Vocabulary.

import type { DurationMs } from '../../clock.ts';

export type TokenTrouble =
  /** An answer as RFC 6749 §5.2 and §4.1.2.1 have it. Its texts are cut, in one line, and without our secrets. */
  | Readonly<{
      kind: 'refused';
      /** Of HTTP; 0 where a browser brought it. */
      status: number;
      error: string;
      description: string | null;
      /** Google's `error_subtype`, Microsoft's `suberror`. */
      detail: string | null;
      /** Retry-After. */
      wait: DurationMs | null;
    }>
  /** An answer that OAuth2 does not know: a page, a redirect, something half. */
  | Readonly<{
      kind: 'odd';
      status: number;
      what: 'no-json' | 'incomplete' | 'redirect';
      wait: DurationMs | null;
    }>
  /** No answer. `message`: of the innermost error. */
  | Readonly<{ kind: 'silent'; errorCode: string | null; message: string }>;

const LONGEST_QUOTE = 300;

/** One line of at most 300 characters. Microsoft ends its texts with ids and a time, which are for Microsoft. */
export function quotable(text: string): string {
  const [said = ''] = text.replace(/[\s\p{C}]+/gu, ' ').split('Trace ID:', 1);
  const line = said.trim();
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE - 1)}…` : line;
}

/** What the server said, for the record; null where it said nothing in words. No figure stands first: it is no reply of SMTP. */
export function quoted(trouble: TokenTrouble): string | null {
  switch (trouble.kind) {
    case 'refused': {
      const { error, detail, description } = trouble;
      const about = [detail === null ? '' : ` (${detail})`, description === null ? '' : `: ${description}`];
      return quotable(`${error}${about.join('')}`);
    }
    // Its status stands in what is said of it (oauth-refusals.ts).
    case 'odd':
    case 'silent':
      return null;
    default:
      return trouble satisfies never;
  }
}
