// Which file systems a mail queue may live on. The judgement is by the type number of statfs(2), Linux only.
// Over a network, or where the kernel's locks and syncs are played by another program, "synced" may be untrue and two
// machines may both hold the lock: refused. Where data vanishes with a container or at power-off: a warning.

import { statfsSync } from 'node:fs';

export type FilesystemJudgement =
  | Readonly<{ kind: 'safe' }>
  | Readonly<{ kind: 'fleeting'; name: string; why: string }>
  | Readonly<{ kind: 'unsafe'; name: string; why: string }>;

const NETWORK = 'locks and syncs over a network cannot be relied on';
const FOREIGN = 'another program answers for its locks and syncs';
const PRIMITIVE = 'it keeps no permissions and no journal, so keys are open and files break at power-off';
const CONTAINER = 'it is a container layer: the mail is lost when the container is removed (mount a volume)';
const MEMORY = 'it is memory: the mail is lost at power-off';

/** Magic numbers of linux/magic.h and of the file systems' own sources. */
const KNOWN: ReadonlyMap<number, Exclude<FilesystemJudgement, { kind: 'safe' }>> = new Map([
  [0x6969, { kind: 'unsafe', name: 'NFS', why: NETWORK }],
  [0x517b, { kind: 'unsafe', name: 'SMB', why: NETWORK }],
  [0xff534d42, { kind: 'unsafe', name: 'CIFS', why: NETWORK }],
  [0xfe534d42, { kind: 'unsafe', name: 'SMB', why: NETWORK }],
  [0x5346414f, { kind: 'unsafe', name: 'AFS', why: NETWORK }],
  [0x6b414653, { kind: 'unsafe', name: 'AFS', why: NETWORK }],
  [0x73757245, { kind: 'unsafe', name: 'Coda', why: NETWORK }],
  [0x564c, { kind: 'unsafe', name: 'NCP', why: NETWORK }],
  [0x00c36400, { kind: 'unsafe', name: 'Ceph', why: NETWORK }],
  [0x0bd00bd0, { kind: 'unsafe', name: 'Lustre', why: NETWORK }],
  [0x47504653, { kind: 'unsafe', name: 'GPFS', why: NETWORK }],
  [0x01161970, { kind: 'unsafe', name: 'GFS2', why: NETWORK }],
  [0x7461636f, { kind: 'unsafe', name: 'OCFS2', why: NETWORK }],
  [0x19830326, { kind: 'unsafe', name: 'BeeGFS', why: NETWORK }],
  [0x01021997, { kind: 'unsafe', name: '9p', why: FOREIGN }],
  [0x65735546, { kind: 'unsafe', name: 'FUSE', why: FOREIGN }],
  [0x786f4256, { kind: 'unsafe', name: 'VirtualBox shared folder', why: FOREIGN }],
  [0xbacbacbc, { kind: 'unsafe', name: 'VMware shared folder', why: FOREIGN }],
  [0x4d44, { kind: 'unsafe', name: 'FAT', why: PRIMITIVE }],
  [0x2011bab0, { kind: 'unsafe', name: 'exFAT', why: PRIMITIVE }],
  [0x794c7630, { kind: 'fleeting', name: 'overlay', why: CONTAINER }],
  [0x01021994, { kind: 'fleeting', name: 'tmpfs', why: MEMORY }],
  [0x858458f6, { kind: 'fleeting', name: 'ramfs', why: MEMORY }],
]);

/** Judges a statfs type number. Unknown ones are safe: the list names those known to do harm. */
export function judgeFilesystemType(type: number): FilesystemJudgement {
  return KNOWN.get(type >>> 0) ?? { kind: 'safe' };
}

/** Judges the file system that holds an existing path. Other systems than Linux number their types differently. */
export function judgeFilesystem(path: string): FilesystemJudgement {
  return process.platform === 'linux' ? judgeFilesystemType(statfsSync(path).type) : { kind: 'safe' };
}
