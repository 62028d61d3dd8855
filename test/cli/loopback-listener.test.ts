// The listener for a browser that comes back: with real requests, good ones and others.

import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type LoopbackListener, listenOnLoopback } from '../../server/cli/loopback-listener.ts';

const STATE = 'state=right';
const expected = (port: number) => ({
  redirectUri: `http://127.0.0.1:${port}`,
  isAnswer: (address: string) => address.includes(STATE) && address.includes('code='),
});

let listener: LoopbackListener | null = null;
let other: Server | null = null;
afterEach(() => {
  listener?.close();
  other?.close();
});

async function started(redirectUri = 'http://127.0.0.1'): Promise<LoopbackListener> {
  listener = await listenOnLoopback(redirectUri);
  if (listener === null) throw new Error('nobody listens');
  return listener;
}

const ask = (port: number, path: string, options: RequestInit & { host?: string } = {}) =>
  fetch(`http://${options.host ?? '127.0.0.1'}:${port}${path}`, options);

describe('the listener on the loopback address', () => {
  it('takes the address of the browser that brings the state, and shows nothing of it', async () => {
    const { port, answer } = await started();
    const came = answer(expected(port));
    const page = await ask(port, `/?code=c0de&${STATE}`);
    const text = await page.text();
    expect(await came).toBe(`http://127.0.0.1:${port}/?code=c0de&${STATE}`);
    expect([page.status, page.headers.get('cache-control'), page.headers.get('referrer-policy')]).toEqual([
      200,
      'no-store',
      'no-referrer',
    ]);
    expect(text).toContain('You can close this window');
    expect(text).not.toContain('c0de');
  });

  it.each([
    ['another state', '/?code=c0de&state=wrong', {}],
    ['the icon that browsers ask for', '/favicon.ico', {}],
    ['a POST', `/?code=c0de&${STATE}`, { method: 'POST' }],
    ['two slashes, which name another host', `//evil.example/?code=c0de&${STATE}`, {}],
  ])('refuses %s, and goes on waiting', async (_, path, options) => {
    const { port, answer } = await started();
    let came = '';
    const answered = answer(expected(port)).then(address => {
      came = address;
    });
    expect((await ask(port, path, options)).status).toBe(404);
    expect(came).toBe('');
    await ask(port, `/?code=good&${STATE}`);
    await answered;
    expect(came).toContain('code=good');
  });

  it('takes codes of several thousand characters', async () => {
    const { port, answer } = await started();
    const came = answer(expected(port));
    expect((await ask(port, `/?code=${'x'.repeat(20_000)}&${STATE}`)).status).toBe(200);
    expect(await came).toHaveLength(20_000 + `http://127.0.0.1:${port}/?code=&${STATE}`.length);
  });

  it('refuses before there is a consent', async () => {
    const { port } = await started();
    expect((await ask(port, `/?code=c0de&${STATE}`)).status).toBe(404);
  });

  it('listens on the port of the redirect address, and not where that is taken or elsewhere', async () => {
    other = createServer();
    const port = await new Promise<number>(resolve => {
      other?.listen(0, '127.0.0.1', () => {
        const address = other?.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    expect(await listenOnLoopback(`http://localhost:${port}/callback`)).toBeNull();
    await new Promise(resolve => other?.close(resolve));
    expect((await started(`http://localhost:${port}/callback`)).port).toBe(port);
    expect(await listenOnLoopback('https://postern.example/callback')).toBeNull();
  });

  it('is gone once it is closed', async () => {
    const { port, close } = await started();
    close();
    await expect(ask(port, '/')).rejects.toThrow();
  });
});
