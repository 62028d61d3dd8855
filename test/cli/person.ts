// A person who answers the questions of `postern setup`, each as scripted, by what the question says. A question that is not in
// the script, or an answer that is refused, fails the test. What the person is told is kept.

import type { Prompts } from '../../server/cli/prompts.ts';

/** What stands at the beginning of a question, and the answer; null gives up. `undefined` takes what stands there already. */
export type Answers = readonly (readonly [question: string, answer: string | boolean | null | undefined])[];

export type Person = Readonly<{
  prompts: Prompts;
  /** All that was told, one entry each. */
  told: readonly string[];
  /** Answers that nobody has asked for. */
  left: () => Answers;
}>;

export function scriptedPerson(answers: Answers): Person {
  const told: string[] = [];
  const script = [...answers];
  const next = (message: string): string | boolean | null | undefined => {
    const found = script.shift();
    if (found === undefined || !message.startsWith(found[0])) {
      throw new Error(`asked: ${message}\nexpected: ${found?.[0] ?? 'nothing'}\ntold: ${told.join('\n')}`);
    }
    return found[1];
  };
  const checked = (message: string, typed: string, check?: (answer: string) => string | null): string => {
    const problem = check?.(typed) ?? null;
    if (problem !== null) throw new Error(`"${typed}" to "${message}" is refused: ${problem}`);
    return typed;
  };
  const chosen = <Value extends string>(
    message: string,
    choices: readonly Readonly<{ value: Value; label: string }>[],
    initial?: Value,
  ): Value | null => {
    const answer = next(message);
    if (answer === null) return null;
    const wanted = answer ?? choices.find(({ value }) => value === initial)?.label ?? choices[0]?.label;
    const found = choices.find(({ label }) => label === wanted);
    if (found === undefined) {
      throw new Error(`"${message}" has no "${wanted}", but ${choices.map(({ label }) => label).join(', ')}`);
    }
    return found.value;
  };
  return {
    told,
    left: () => script,
    prompts: {
      begin: () => undefined,
      end: () => undefined,
      tell: text => void told.push(text),
      line: async ({ message, initial = '', check }) => {
        const answer = next(message);
        return answer === null
          ? null
          : checked(message, answer === undefined ? initial : String(answer), check);
      },
      secret: async ({ message, check }) => {
        const answer = next(message);
        return answer === null ? null : checked(message, String(answer ?? ''), check);
      },
      yes: async ({ message, initial = true }) => {
        const answer = next(message);
        return answer === null ? null : answer === undefined ? initial : answer === true;
      },
      choose: async ({ message, choices, initial }) => chosen(message, choices, initial),
      search: async ({ message, choices, initial }) => chosen(message, choices, initial),
    },
  };
}
