// Takes multipart/form-data apart (RFC 7578), octet for octet and strictly: what a provider's parser might read otherwise is
// an error here.

export type FormPart = Readonly<{
  name: string;
  filename: string | null;
  type: string | null;
  content: Buffer;
}>;

/** Null: it is no such form. */
export function parseForm(contentType: string, body: Buffer): readonly FormPart[] | null {
  const boundary = /^multipart\/form-data;\s*boundary="?([0-9A-Za-z'()+_,\-./:=? ]{1,70}?)"?$/.exec(
    contentType,
  )?.[1];
  if (boundary === undefined) return null;
  const parts: FormPart[] = [];
  const open = Buffer.from(`--${boundary}\r\n`);
  const next = Buffer.from(`\r\n--${boundary}`);
  if (body.equals(Buffer.from(`--${boundary}--\r\n`))) return parts;
  if (!body.subarray(0, open.length).equals(open)) return null;
  let at = open.length;
  for (;;) {
    const end = body.indexOf(next, at);
    if (end < 0) return null;
    const part = parsePart(body.subarray(at, end));
    if (part === null) return null;
    parts.push(part);
    const after = body.subarray(end + next.length);
    if (after.toString('latin1') === '--\r\n') return parts;
    if (!after.subarray(0, 2).equals(Buffer.from('\r\n'))) return null;
    at = end + next.length + 2;
  }
}

function parsePart(octets: Buffer): FormPart | null {
  const end = octets.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const header = octets.subarray(0, end).toString('utf8');
  const disposition = /^Content-Disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?$/m.exec(
    header,
  );
  if (disposition?.[1] === undefined) return null;
  return {
    name: disposition[1],
    filename: disposition[2] ?? null,
    type: /^Content-Type: (.*)$/m.exec(header)?.[1] ?? null,
    content: octets.subarray(end + 4),
  };
}
