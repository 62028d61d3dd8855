// HTTP beside the mail: for the operator (alive, ready, the CA certificate) and, off by default, for devices (the CA
// certificate only). Neither asks for a login, so neither shows more than that.

import type { ListenAddress } from '../../server/config/values.ts';
import { caCertificateAnswer } from './ca-certificate.ts';
import { type Answer, type HttpServer, openHttpServer, textAnswer } from './http-server.ts';
import { cachedReadiness, type Readiness } from './readiness.ts';

export type HttpDeps = Readonly<{
  /** `admin.listen`; null is off. */
  admin: ListenAddress | null;
  /** `public.listen`; null is off. */
  public: ListenAddress | null;
  /** PEM of the local CA; null with the operator's own certificate. */
  caCertificate: () => string | null;
  /** Whether mail can be accepted durably now. Asked at most once a second. */
  ready: () => Promise<Readiness>;
}>;

export type Http = Readonly<{
  /** Where each listens; null where it is off. */
  admin: ListenAddress | null;
  public: ListenAddress | null;
  close: () => Promise<void>;
}>;

/** Resolves once all listen. Rejects with a refused start where one cannot; none is left open then. */
export async function createHttp({ admin, public: open, caCertificate, ready }: HttpDeps): Promise<Http> {
  const servers: HttpServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(server => server.close()));
  };
  const start = async (
    listen: ListenAddress | null,
    routes: Parameters<typeof openHttpServer>[1],
    key: 'admin.listen' | 'public.listen',
  ): Promise<ListenAddress | null> => {
    if (listen === null) return null;
    const server = await openHttpServer(listen, routes, key);
    servers.push(server);
    return server.address;
  };
  const readiness = cachedReadiness(ready);
  const crt = async (): Promise<Answer> => caCertificateAnswer(caCertificate(), 'pem');
  const der = async (): Promise<Answer> => caCertificateAnswer(caCertificate(), 'der');
  const adminRoutes = {
    '/healthz': async () => textAnswer(200, 'alive'),
    '/readyz': async () => readinessAnswer(await readiness()),
    '/ca.crt': crt,
  };
  try {
    const adminAt = await start(admin, adminRoutes, 'admin.listen');
    const publicAt = await start(open, { '/ca.crt': crt, '/ca.der': der }, 'public.listen');
    return { admin: adminAt, public: publicAt, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readinessAnswer({ ok, text }: Readiness): Answer {
  return textAnswer(ok ? 200 : 503, text);
}
