// The command that an alert advises. Pure.

/** With the name as a shell takes it. */
export function setPasswordCommand(account: string): string {
  const word = /^[\w.@][\w.@-]*$/.test(account) ? account : `'${account.replaceAll("'", "'\\''")}'`;
  return `postern account password ${word}`;
}
