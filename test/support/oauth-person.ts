// The person of the tests, in front of a browser: follows redirects with cookies, and consents or refuses where the OAuth
// server asks (its pages look at the header `x-person`). Nothing here knows Postern.

export type Decision = 'approve' | 'refuse';

const MOST_STEPS = 20;

/** Opens the address of a consent. Resolves with the address that the browser is sent to in the end, with its code or error. */
export async function followConsent(url: string, redirectUri: string, decision: Decision): Promise<string> {
  const visit = createBrowser(decision);
  let at = url;
  for (let step = 0; step < MOST_STEPS; step++) {
    const response = await visit(at);
    const location = response.headers.get('location');
    if (location === null) throw new Error(`the consent ended at ${at}: ${await pageText(response)}`);
    at = new URL(location, at).href;
    if (at.startsWith(redirectUri)) return at;
  }
  throw new Error('the consent goes round in circles');
}

/** Opens the page for devices, types the code, and decides. */
export async function decideAboutDevice(page: string, userCode: string, decision: Decision): Promise<void> {
  const visit = createBrowser(decision);
  const typing = await pageText(await visit(page));
  const fields = { xsrf: hiddenField(typing, 'xsrf'), user_code: userCode };
  const question = await pageText(await visit(page, fields));
  if (!question.includes('name="confirm"')) throw new Error(`the code was not taken: ${question}`);
  let response = await visit(page, {
    ...fields,
    ...(decision === 'approve' ? { confirm: 'yes' } : { abort: 'yes' }),
  });
  for (let step = 0; step < MOST_STEPS; step++) {
    const location = response.headers.get('location');
    if (location === null) break;
    response = await visit(new URL(location, page).href);
  }
  const end = await pageText(response);
  if (decision === 'approve' && !end.includes('You may close this page'))
    throw new Error(`not approved: ${end}`);
}

type Visit = (url: string, form?: Readonly<Record<string, string>>) => Promise<Response>;

function createBrowser(decision: Decision): Visit {
  const cookies = new Map<string, string>();
  return async (url, form) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie, 'x-person': decision },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
}

function hiddenField(html: string, name: string): string {
  const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1];
  if (value === undefined) throw new Error(`no field ${name} in ${html}`);
  return value;
}

async function pageText(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
}
