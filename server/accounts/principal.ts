// The account that a session has proved to be. Everything after authentication knows the client only by this value.

/** `name` is the login as the operator wrote it; `sender` the account's own address, or null where none was set. */
export type Principal = Readonly<{
  accountId: string;
  name: string;
  sender: string | null;
  /** Which of the account's passwords it knew: the session ends with that password. */
  credentialVersion: number;
}>;
