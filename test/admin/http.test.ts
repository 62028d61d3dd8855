// The HTTP servers over real sockets.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHttp, type Http, type HttpDeps } from '../../admin/api/http.ts';
import { isRefusedStart } from '../../server/refused-start.ts';
import { makeCertificate } from '../support/certificate.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const ANY_PORT = { address: '127.0.0.1', port: 0 };

let pem = '';
let http: Http | null = null;
beforeAll(async () => {
  const folder = makeScratch('http');
  pem = readFileSync((await makeCertificate(folder)).certificate, 'utf8');
  removeScratch(folder);
});
afterEach(async () => {
  await http?.close();
  http = null;
});

async function open(deps: Partial<HttpDeps> = {}): Promise<{ admin: string; public: string }> {
  http = await createHttp({
    admin: ANY_PORT,
    public: ANY_PORT,
    caCertificate: () => pem,
    ready: async () => ({ ok: true, text: 'Ready to take mail.' }),
    ...deps,
  });
  return {
    admin: `http://127.0.0.1:${http.admin?.port}`,
    public: `http://127.0.0.1:${http.public?.port}`,
  };
}

describe('admin.listen', () => {
  it('answers /healthz while it is alive', async () => {
    const { admin } = await open();
    const response = await fetch(`${admin}/healthz?probe=1`);
    expect([response.status, await response.text()]).toEqual([200, 'alive\n']);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });
  it('answers /readyz with 200 or 503 and words', async () => {
    const { admin } = await open();
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    await http?.close();
    const full = await open({ ready: async () => ({ ok: false, text: 'The disk is below its reserve.' }) });
    const response = await fetch(`${full.admin}/readyz`);
    expect([response.status, await response.text()]).toEqual([503, 'The disk is below its reserve.\n']);
  });
  it('asks for readiness once for many probes at the same time, and survives its failure', async () => {
    let asked = 0;
    const { admin } = await open({
      ready: async () => {
        asked++;
        throw new Error('I/O error');
      },
    });
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(`${admin}/readyz`)).status),
    );
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(asked).toBe(1);
  });
  it('says 503 where readiness never answers', async () => {
    const { admin } = await open({ ready: () => new Promise(() => undefined) });
    const response = await fetch(`${admin}/readyz`);
    expect([response.status, await response.text()]).toEqual([
      503,
      'The storage has not answered for 3 seconds.\n',
    ]);
  });
  it('gives the CA certificate as a download', async () => {
    const { admin } = await open();
    const response = await fetch(`${admin}/ca.crt`);
    expect(response.headers.get('content-type')).toBe('application/x-x509-ca-cert');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="postern-ca.crt"');
    expect(await response.text()).toBe(pem);
    const head = await fetch(`${admin}/ca.crt`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      `${pem.length}`,
      '',
    ]);
  });
  it('says in words that there is no CA with an own certificate', async () => {
    const { admin } = await open({ caCertificate: () => null });
    const response = await fetch(`${admin}/ca.crt`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('tls.certificate');
  });
  it.each([
    '/',
    '/ca.der',
    '/metrics',
    '/../etc/passwd',
    '/__proto__',
    '/constructor',
  ])('has nothing at %s', async path => {
    const { admin } = await open();
    const response = await fetch(`${admin}${path}`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('/healthz');
  });
  it('refuses other methods', async () => {
    const { admin } = await open();
    const response = await fetch(`${admin}/healthz`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('public.listen', () => {
  it('gives the CA certificate in both forms and nothing else', async () => {
    const { public: open_ } = await open();
    expect(await (await fetch(`${open_}/ca.crt`)).text()).toBe(pem);
    const der = Buffer.from(await (await fetch(`${open_}/ca.der`)).arrayBuffer());
    expect(new X509Certificate(der).fingerprint256).toBe(new X509Certificate(pem).fingerprint256);
    for (const path of ['/healthz', '/readyz', '/']) expect((await fetch(open_ + path)).status).toBe(404);
  });
  it('is off when it is not set', async () => {
    await open({ public: null });
    expect(http?.public).toBeNull();
  });
});

describe('listening', () => {
  it('on a port that is taken is a refused start that names the key; nothing stays open', async () => {
    await open({ public: null });
    const taken = http?.admin ?? ANY_PORT;
    const attempt = createHttp({
      admin: ANY_PORT,
      public: taken,
      caCertificate: () => pem,
      ready: async () => ({ ok: true, text: '' }),
    });
    const error: unknown = await attempt.catch((reason: unknown) => reason);
    expect(isRefusedStart(error) ? error.message : error).toBe(
      `Cannot listen on 127.0.0.1:${taken.port} (public.listen): another program has the port. Stop that program, or set public.listen to another port.`,
    );
  });
  it('ends at once, also with a connection open', async () => {
    const { admin } = await open();
    const socket = connect(Number(new URL(admin).port), '127.0.0.1');
    await new Promise(resolve => socket.once('connect', resolve));
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.on('error', () => undefined);
    await http?.close();
    http = null;
    await closed;
  });
});
