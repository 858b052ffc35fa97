import type { Fault } from '../fault.js';
import { assertUnlock, RECOVERY_LIMIT_MS, withinLimit } from '../fault.js';
import type { Site } from '../site.js';
import { DISK } from '../site.js';

async function fill(site: Site): Promise<void> {
  await site.runInCell(`cat /dev/zero >${DISK}/filler 2>/dev/null || true; test -s ${DISK}/filler`);
}

async function remove(site: Site): Promise<void> {
  await site.runInCell(`rm ${DISK}/filler`);
}

async function repair(site: Site): Promise<void> {
  const check = 'fsck.ext4 -p /run/image >/dev/null || [ $? -le 1 ]';
  await site.runInCell(`umount ${DISK}; ${check}; mount -o loop /run/image ${DISK}`);
}

const LAST_INTERVAL = 'PT4S';
const LAST_INTERVAL_MS = 4_000;

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH (the kernel's fs/ext4/ext4.h): no byte is written from now on. */
const SHUTDOWN =
  'import fcntl, os, struct, sys; ' +
  'fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))';

/** What the disk does that the state is on. */
export const DISK_FAULTS: readonly Fault[] = [
  { name: 'the disk is full', holdMs: 10_000, isServed: true, apply: fill, undo: remove },
  {
    name: 'the disk is full, and the server is killed and started on it',
    holdMs: 5_000,
    isServed: true,
    apply: fill,
    during: async (site, { problems }) => {
      await site.killMandos();
      await site.startMandos();
      await assertUnlock(site.ask('web')).catch(() => problems.push('nobody is served on the full disk'));
    },
    undo: remove,
  },
  {
    name: 'the disk hangs',
    disk: 'ext4',
    isServed: true,
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
    isServed: true,
    apply: async site => void (await site.runInCell(`mount -o remount,abort ${DISK}`)),
    undo: async site => {
      await site.stopMandos();
      await site.killMandos();
      await repair(site);
      await site.startMandos();
    },
  },
  {
    name: 'the power fails right after a decision',
    disk: 'ext4',
    holdMs: 2_000,
    apply: async site => {
      const { status, stderr } = await site.operate(`--interval=${LAST_INTERVAL}`, 'late');
      if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
      // What is not on the disk by now, the kernel's memory included, never gets there.
      await site.runInCell(`python3 -c '${SHUTDOWN}' ${DISK}`);
      await site.killMandos();
    },
    undo: async site => {
      await repair(site);
      await site.startMandos();
    },
    after: async (site, { problems }) => {
      const clients = await withinLimit(() => site.clients(), RECOVERY_LIMIT_MS, 'clients on D-Bus');
      if (clients['late']?.Interval !== LAST_INTERVAL_MS)
        problems.push('an acknowledged setting is lost that was the last');
    },
  },
];
