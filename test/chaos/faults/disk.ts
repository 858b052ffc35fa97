import type { Fault } from '../fault.js';
import type { Site } from '../site.js';
import { DISK } from '../site.js';

async function fill(site: Site): Promise<void> {
  await site.runInCell(`cat /dev/zero >${DISK}/filler 2>/dev/null || true; test -s ${DISK}/filler`);
}

async function remove(site: Site): Promise<void> {
  await site.runInCell(`rm ${DISK}/filler`);
}

/** What the disk does that the state is on. */
export const DISK_FAULTS: readonly Fault[] = [
  { name: 'the disk is full', holdMs: 10_000, apply: fill, undo: remove },
  {
    name: 'the disk is full, and the server is killed and started on it',
    holdMs: 5_000,
    apply: fill,
    undo: async site => {
      await site.killMandos();
      await site.startMandos();
      await remove(site);
    },
  },
  {
    name: 'the disk hangs',
    disk: 'ext4',
    holdMs: 15_000,
    // Thaws by itself, should the test not come to that: nothing that waits for a frozen disk can be killed.
    apply: async site => {
      site.inCell('sh', ['-c', `sleep 120; fsfreeze -u ${DISK}`]);
      await site.runInCell(`fsfreeze -f ${DISK}`);
    },
    undo: async site => void (await site.runInCell(`fsfreeze -u ${DISK}`)),
  },
  {
    name: 'the disk has an error and becomes read-only; repaired, and the server started again',
    disk: 'ext4',
    holdMs: 10_000,
    apply: async site => void (await site.runInCell(`mount -o remount,abort ${DISK}`)),
    undo: async site => {
      await site.stopMandos();
      await site.killMandos();
      const repair = 'fsck.ext4 -p /run/image >/dev/null || [ $? -le 1 ]';
      await site.runInCell(`umount ${DISK}; ${repair}; mount -o loop /run/image ${DISK}`);
      await site.startMandos();
    },
  },
];
