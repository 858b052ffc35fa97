import { describeError, MandosError } from '../../common/errors.js';
import {
  CAP_DAC_READ_SEARCH,
  forbidDumps,
  keepCapabilities,
  setCapabilities,
} from '../../common/libc-process.js';
import { SystemCallError } from '../../common/libc.js';
import type { Log } from '../../common/log.js';
import type { ServiceUser } from './service-user.js';
import { isMapped, SERVICE_USERS, systemServiceUser } from './service-user.js';

/**
 * Runs a function that may read any file, as far as the system allows it, and returns its result. Synchronous: what
 * it leaves for later is done without the privilege.
 */
export type ConfigurationAccess = <T>(run: () => T) => T;

const AS_IT_IS: ConfigurationAccess = run => run();

/**
 * Gives up root for good, for the user and group of the service. Checkers, which are children, have no privileges
 * either. One thing is kept, out of force: the main thread may read any file while `ConfigurationAccess` runs, since a
 * reload must read clients.conf and the files of secrets, which are for root only.
 *
 * Afterwards no process of the same user, a checker for instance, can look into this one: it is not dumpable. Its
 * files in /proc/PID belong to root then; the process may still read its own.
 * @param findUser the user to run as
 * @throws MandosError PRIVILEGES: the server must not go on
 */
export function dropPrivileges(
  log: Log,
  findUser: () => ServiceUser | undefined = systemServiceUser,
): ConfigurationAccess {
  if (process.geteuid?.() !== 0) {
    log.debug('not started as root: there are no privileges to drop');
    return AS_IT_IS;
  }
  const user = findUser();
  if (user === undefined) {
    const [first, ...others] = SERVICE_USERS;
    throw new MandosError(
      'PRIVILEGES',
      `there is no user ${first} to run as, nor ${others.join(' or ')}: adduser --system --group ${first} makes it`,
    );
  }
  if (!isMapped(user)) {
    log.info(`this user namespace has no user ${user.name}: the server stays root in it`);
    return AS_IT_IS;
  }
  const isKept = becomeUser(user);
  log.debug(`runs as user ${user.name} (${user.uid}:${user.gid})`);
  if (isKept) return readAnything;
  log.info(
    `a reload can read only what the user ${user.name} can: the capability CAP_DAC_READ_SEARCH is not granted`,
  );
  return AS_IT_IS;
}

/** @returns whether CAP_DAC_READ_SEARCH is still permitted */
function becomeUser({ name, uid, gid }: ServiceUser): boolean {
  try {
    keepCapabilities(true);
    // Of these Node.js changes all threads; the other threads have no capabilities from then on.
    process.setgroups?.([]);
    process.setgid?.(gid);
    process.setuid?.(uid);
    keepCapabilities(false);
    const isKept = keepReadSearch();
    forbidDumps();
    return isKept;
  } catch (error) {
    throw new MandosError('PRIVILEGES', `cannot run as user ${name}: ${describeError(error)}`, {
      cause: error,
    });
  }
}

/** Gives up all capabilities but one, and that one too where a container or unit has not granted it. */
function keepReadSearch(): boolean {
  try {
    setCapabilities(0, CAP_DAC_READ_SEARCH);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError && error.errorName === 'EPERM')) throw error;
    setCapabilities(0, 0);
    return false;
  }
}

const readAnything: ConfigurationAccess = run => {
  setCapabilities(CAP_DAC_READ_SEARCH, CAP_DAC_READ_SEARCH);
  try {
    return run();
  } finally {
    setCapabilities(0, CAP_DAC_READ_SEARCH);
  }
};
