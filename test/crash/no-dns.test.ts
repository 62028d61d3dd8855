// DNS that is gone: mail is taken and waits without ageing, the operator is told in words, and once names resolve again all of it
// goes. The server sees a hosts file and a resolver of this test's own.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { queueStats } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { noteLine } from '../support/report.ts';
import { drained, openScene } from './scene.ts';

const UNSHARE = ['unshare', '--user', '--map-root-user', '--mount'] as const;
const NAME = 'smtp.provider.example';

/** Containers often forbid it, and nothing that is installed would change that. */
function lacksMounts(): boolean {
  const script = 'mount --bind /etc/hosts /etc/hosts';
  const isThere = spawnSync('unshare', [...UNSHARE.slice(1), 'sh', '-c', script]).status === 0;
  if (!isThere) noteLine('skipped: DNS gone: this machine allows no mount namespaces (or lacks unshare)');
  return !isThere;
}

describe.skipIf(lacksMounts())('DNS that is gone', () => {
  it('keeps mail waiting, and all of it goes once the name resolves', async () => {
    const scene = await openScene();
    const { at } = scene;
    try {
      const [hosts, resolver] = [join(at.folder, 'hosts'), join(at.folder, 'resolv.conf')];
      writeFileSync(hosts, '127.0.0.1 localhost\n');
      // Nobody answers there: not "no such name", but no answer at all.
      writeFileSync(resolver, 'nameserver 127.0.0.1\noptions attempts:1 timeout:1\n');
      const url = `smtp+notls://${NAME}:${scene.remote.port}`;
      const set = await at.cli(['upstream', 'set', 'provider', '--url', url, '--allow-plaintext']);
      expect(set.code, set.stderr).toBe(0);
      const script = `mount --bind ${hosts} /etc/hosts && mount --bind ${resolver} /etc/resolv.conf && exec "$@"`;
      const server = await at.serve({ wrapper: [...UNSHARE, 'sh', '-c', script, 'sh'] });

      const names = Array.from({ length: 10 }, (_, i) => `patient-${i}`);
      for (const name of names) expect(await scene.send(name)).toMatch(/^250 /);
      const fault = await waitFor('the fault', () =>
        server.log().find(line => line.event === 'upstream.fault'),
      );
      expect(fault['kind']).toBe('unreachable');
      expect(fault['text']).toMatch(new RegExp(`${NAME}.*\\b(name|DNS)\\b`));
      const refused = server.log().filter(line => line.event === 'recipient.deferred');
      expect(refused.every(line => line['reason'] === 'upstream')).toBe(true);
      expect(await queueStats(at)).toMatchObject({ failed: 0, expired: 0, held: 0, relayed: 0 });

      writeFileSync(hosts, `127.0.0.1 localhost ${NAME}\n`);
      // It tries again by itself within half a minute; the operator need not wait for that.
      expect((await at.cli(['upstream', 'resume', 'provider'])).code).toBe(0);
      await scene.arrived(names);
      expect(await drained(at)).toMatchObject({ relayed: names.length, failed: 0 });
      for (const name of names) expect(scene.copies(name), name).toBe(1);
    } finally {
      await scene.close();
    }
  });
});
