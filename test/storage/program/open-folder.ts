// Opens a data folder as another user, given by number, or as `owner`: whoever the folder belongs to. Prints what came of it.

import { openDataFolder } from '../../../server/storage/data-folder.ts';
import { runAsOwnerOf } from '../../../server/storage/run-as.ts';

const [path = '', user = ''] = process.argv.slice(2);
if (user === 'owner') {
  runAsOwnerOf(path);
} else {
  process.setgid?.(Number(user));
  process.setuid?.(Number(user));
}
try {
  const folder = openDataFolder({ path, allowUnsafeFilesystem: false });
  const groups = process.getgroups?.().join(',');
  process.stdout.write(`${folder.path} as ${process.geteuid?.()}:${process.getegid?.()} groups ${groups}\n`);
} catch (error) {
  process.stdout.write(`${error}\n`);
}
