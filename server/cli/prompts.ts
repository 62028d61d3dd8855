// The questions of `postern setup`, on stderr. Null is a person who gives up (Ctrl-C, Ctrl-D); nothing else ends a question,
// not even Esc, which is pressed by mistake. The only importer of @clack/prompts; loaded when a conversation begins.

import {
  autocomplete,
  confirm,
  intro,
  isCancel,
  log,
  outro,
  password,
  select,
  settings,
  text,
} from '@clack/prompts';
import { harmless } from './output.ts';
import type { Screen, Terminal } from './terminal.ts';
import { wrapped } from './wrapping.ts';

export type Choice<Value extends string> = Readonly<{ value: Value; label: string; hint?: string }>;

/** A message of `line` and `secret` stands on one line: 55 characters fit everywhere. */
type Asked = Readonly<{ message: string }>;
/** Null: it may be used; else what is wrong with it. */
type Check = (answer: string) => string | null;

export type Prompts = Readonly<{
  begin: (title: string) => void;
  end: (text: string) => void;
  /** Told, not asked; may have several lines. */
  tell: (text: string, tone?: 'plain' | 'good' | 'bad') => void;
  /** The answer without blanks around it. */
  line: (
    asked: Asked & Readonly<{ initial?: string; example?: string; check?: Check }>,
  ) => Promise<string | null>;
  /** Not shown; as it was typed. */
  secret: (asked: Asked & Readonly<{ check?: Check }>) => Promise<string | null>;
  yes: (asked: Asked & Readonly<{ initial?: boolean }>) => Promise<boolean | null>;
  choose: <Value extends string>(
    asked: Asked & Readonly<{ choices: readonly Choice<Value>[]; initial?: Value }>,
  ) => Promise<Value | null>;
  /** `choose` from many: what is typed narrows the list. */
  search: <Value extends string>(
    asked: Asked & Readonly<{ choices: readonly Choice<Value>[]; initial?: Value }>,
  ) => Promise<Value | null>;
}>;

/** Rows of a long list that are seen at once. */
const ROWS = 8;

/** What stands before each line. */
const GUIDE = 3;

export function createPrompts({ input }: Pick<Terminal, 'input'>, screen: Screen): Prompts {
  settings.aliases.delete('escape');
  // Else Ctrl-D leaves a question that hears nothing any more.
  settings.aliases.set('\u0004', 'cancel');
  const streams = { input, output: screen.output };
  /** Also what providers say is told. */
  const fitted = (text: string) =>
    wrapped(text.split('\n').map(harmless).join('\n'), Math.min(screen.columns(), 100) - GUIDE);
  const problemOf = (check: Check | undefined, answer: string): string | undefined =>
    fitted(check?.(answer) ?? '').replaceAll('\n', `\n${' '.repeat(GUIDE)}`) || undefined;
  return {
    begin: title => intro(title, streams),
    end: said => outro(fitted(said), streams),
    tell: (said, tone = 'plain') => {
      if (tone === 'good') log.success(fitted(said), streams);
      else if (tone === 'bad') log.error(fitted(said), streams);
      else log.message(fitted(said), streams);
    },
    line: async ({ message, initial, example, check }) => {
      const answer = await text({
        ...streams,
        message,
        ...(initial === undefined ? {} : { initialValue: initial }),
        ...(example === undefined ? {} : { placeholder: example }),
        validate: typed => problemOf(check, (typed ?? '').trim()),
      });
      return isCancel(answer) ? null : answer.trim();
    },
    secret: async ({ message, check }) => {
      const answer = await password({
        ...streams,
        message,
        validate: typed => problemOf(check, typed ?? ''),
      });
      return isCancel(answer) ? null : answer;
    },
    yes: async ({ message, initial = true }) => {
      const answer = await confirm({ ...streams, message, initialValue: initial });
      return isCancel(answer) ? null : answer;
    },
    choose: async ({ message, choices, initial }) => {
      const answer = await select<string>({
        ...streams,
        message,
        options: choices.map(choice => ({ ...choice })),
        maxItems: ROWS,
        ...(initial === undefined ? {} : { initialValue: initial }),
      });
      return chosen(choices, answer);
    },
    search: async ({ message, choices, initial }) => {
      const answer = await autocomplete<string>({
        ...streams,
        message,
        options: choices.map(choice => ({ ...choice })),
        maxItems: ROWS,
        placeholder: 'type to search',
        ...(initial === undefined ? {} : { initialValue: initial }),
      });
      return chosen(choices, answer);
    },
  };
}

function chosen<Value extends string>(
  choices: readonly Choice<Value>[],
  answer: string | symbol,
): Value | null {
  return choices.find(({ value }) => value === answer)?.value ?? null;
}
