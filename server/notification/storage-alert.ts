// What the operator is told when the data folder cannot be written although it is not full. Pure.

import type { Alert } from './alert.ts';

/** `text`: what could not be written, and what the system says of it. */
export function storageAlert({ folder, text }: Readonly<{ folder: string; text: string }>): Alert {
  const said = /[.!?]$/.test(text) ? text : `${text}.`;
  return {
    kind: 'storage-failing',
    subject: folder,
    text: `The data folder ${folder} cannot be written: ${said} New mail gets 451 or 421, and clients keep it and try again. Look whether its disk is mounted, writable and healthy ("dmesg" shows its errors), and whether the folder and all in it belong to the user that Postern runs as. Mail is taken again as soon as it can be written.`,
  };
}
