// Why a file cannot be read or written, in words instead of the system's "ENOENT: no such file or directory, open". Pure.

type Trouble = Readonly<{
  /** Ends a sentence: "… cannot be read: it is a folder". */
  reason: string;
  /** A sentence of its own. */
  remedy: string;
}>;

export function readingTrouble(error: unknown): Trouble {
  return troubleOf(error, READING);
}

export function writingTrouble(error: unknown): Trouble {
  return troubleOf(error, WRITING);
}

/** What the system calls it, for example `ENOENT`; the text of any other error. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}

const NO_FILE: Trouble = {
  reason: 'there is no such file',
  remedy: 'Check the path; a relative one counts from the folder that you are in.',
};
const NO_FOLDER: Trouble = {
  reason: 'there is no such folder',
  remedy: 'Make the folder first, or choose another one.',
};

const READING: Readonly<Record<string, Trouble>> = {
  ENOENT: NO_FILE,
  ENOTDIR: NO_FILE,
  EISDIR: { reason: 'it is a folder', remedy: 'Name a file in it.' },
  EACCES: { reason: 'this user may not read it', remedy: 'Let this user read it, or name another file.' },
};

const FULL: Trouble = { reason: 'the disk is full', remedy: 'Make room and try again.' };
const FORBIDDEN: Trouble = {
  reason: 'this user may not write there',
  remedy: 'Choose a folder that this user may write to.',
};

const WRITING: Readonly<Record<string, Trouble>> = {
  ENOENT: NO_FOLDER,
  ENOTDIR: { reason: 'it is not a folder', remedy: 'Name a folder.' },
  EISDIR: { reason: 'a folder stands in the place of a file', remedy: 'Choose another folder.' },
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  ENOSPC: FULL,
  EDQUOT: FULL,
};

function troubleOf(error: unknown, known: Readonly<Record<string, Trouble>>): Trouble {
  const code = codeOf(error);
  return known[code] ?? { reason: `the system says ${code}`, remedy: 'Put that right and try again.' };
}
