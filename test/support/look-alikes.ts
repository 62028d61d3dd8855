// Octet sequences that some SMTP server, somewhere, took for the end of a message though they are not CRLF "." CRLF
// (rfc-checklist.md D.2, CVE-2023-51764 to -51766), and mixtures of them. Latin-1: one character an octet.

export const lookAlikes = [
  ['LF . LF', '\n.\n'],
  ['LF . CRLF', '\n.\r\n'],
  ['CRLF . LF', '\r\n.\n'],
  ['CR . CR', '\r.\r'],
  ['CR . CRLF', '\r.\r\n'],
  ['CRLF . CR', '\r\n.\r'],
  ['CR . LF', '\r.\n'],
  ['LF . CR', '\n.\r'],
  ['CRLF . CR CRLF', '\r\n.\r\r\n'],
  ['LF CR . CRLF', '\n\r.\r\n'],
  ['CRLF NUL . CRLF', '\r\n\0.\r\n'],
  ['CRLF . NUL CRLF', '\r\n.\0\r\n'],
  ['CR NUL LF . CR NUL LF', '\r\0\n.\r\0\n'],
  ['CRLF . blank CRLF', '\r\n. \r\n'],
  ['NEL . NEL', '\x85.\x85'],
  ['LF . LF, stuffed', '\n..\n'],
  ['CR .. CRLF, stuffed behind a CR alone', '\r..\r\n'],
  ['all at once', '\n.\r.\n.\r\r.\n\r.\n\n.\r'],
] as const satisfies readonly (readonly [name: string, octets: string])[];
