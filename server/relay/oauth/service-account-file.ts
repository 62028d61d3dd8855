// The key file of a Google service account, as the Cloud console gives it out (JSON). Only what is needed is taken. Pure.

export type ServiceAccount = Readonly<{
  /** `client_email`. */
  clientId: string;
  /** `private_key_id`. */
  keyId: string | null;
  /** PEM. A secret. */
  privateKey: string;
}>;

/** Null: it is no such file. What stands in it is never repeated: it may be any secret. */
export function parseServiceAccount(text: string): ServiceAccount | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return null;
  const field = (name: string): string | null => {
    const found: unknown = Reflect.get(value, name);
    return typeof found === 'string' && found !== '' ? found : null;
  };
  const clientId = field('client_email');
  const privateKey = field('private_key');
  if (field('type') !== 'service_account' || clientId === null || privateKey === null) return null;
  if (!/^-----BEGIN (RSA )?PRIVATE KEY-----\s/.test(privateKey)) return null;
  return { clientId, keyId: field('private_key_id'), privateKey };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return null;
  }
}
