// A start that is refused for a reason that the operator can mend: one line for a person, exit 1, no stack.
// Anything else that is thrown is a bug, and shown with its stack.

const NAME = 'RefusedStart';

/** `text` is one line: what is wrong, why Postern does not go on, what to do. */
export function refusedStart(text: string, cause?: unknown): Error {
  const error = new Error(text, cause === undefined ? undefined : { cause });
  error.name = NAME;
  return error;
}

export function isRefusedStart(error: unknown): error is Error {
  return error instanceof Error && error.name === NAME;
}
