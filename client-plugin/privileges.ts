import { readFileSync } from 'node:fs';
import { geteuid, getuid, setegid, seteuid, setgroups } from 'node:process';

/** Neither user nor group owns anything: what the original's plugins run as (plugin-runner(8mandos), --userid). */
export const NOBODY = 65534;

/** Root rights, given up for the time in which bytes from the network are read. */
export interface Privileges {
  /** Gives them up: from now on files and system calls are nobody's. */
  lower(): void;
  /**
   * Takes them back for a few system calls that tidy up or that nothing else can do, and gives them up again.
   * @param act synchronous: nothing from the network is read meanwhile
   */
  asRoot<T>(act: () => T): T;
}

/**
 * Whether root is only called so: an ordinary user in a user namespace of his own, where there is nobody else to become
 * (user_namespaces(7), /proc/PID/setgroups).
 */
function isRootInName(): boolean {
  try {
    return readFileSync('/proc/self/setgroups', 'utf8').trim() === 'deny';
  } catch {
    return false; // a kernel without user namespaces
  }
}

/** Whether this process is root's, and so can start others as other users, or become one. */
export function isRoot(): boolean {
  return getuid?.() === 0 && !isRootInName();
}

/**
 * Those of this process; a process that is not root's own has none to give up.
 * @param userId whom it is lowered to
 */
export function processPrivileges(userId: number = NOBODY, groupId: number = NOBODY): Privileges {
  const hasRights = isRoot();
  const lower = () => {
    if (!hasRights || geteuid?.() !== 0) return;
    // Groups first: afterwards it is not allowed.
    setgroups?.([]);
    setegid?.(groupId);
    seteuid?.(userId);
  };
  return {
    lower,
    asRoot(act) {
      const isLowered = hasRights && geteuid?.() !== 0;
      if (!isLowered) return act();
      seteuid?.(0);
      setegid?.(0);
      try {
        return act();
      } finally {
        lower();
      }
    },
  };
}
