import { describeError, MandosError } from '../../common/errors.js';
import {
  CAP_DAC_READ_SEARCH,
  CAP_NET_RAW,
  forbidDumps,
  keepCapabilities,
  permittedCapabilities,
  setCapabilities,
} from '../../common/libc-process.js';
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
 * Gives up all rights beyond those of the service's user, for good: root, when that has started it, or else the
 * capabilities that a service manager has given to it. Two things are kept.
 * - Out of force: the main thread may read any file while `ConfigurationAccess` runs, since a reload must read
 *   clients.conf and the files of secrets, which are for root only.
 * - For checkers only: CAP_NET_RAW, when it was given as an ambient capability (the unit's AmbientCapabilities). Where
 *   programs get no rights from their files (NoNewPrivileges), fping and ping have it from nowhere else.
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
  if (process.geteuid?.() !== 0) return dropCapabilities(log);
  const user = findUser();
  if (user === undefined) {
    const [first, ...others] = SERVICE_USERS;
    throw new MandosError(
      'PRIVILEGES',
      `there is no user ${first} to run as, nor ${others.join(' or ')}: adduser --system --group ${first} makes it`,
    );
  }
  if (!isMapped(user)) {
    log.warning(`this user namespace has no user ${user.name}: the server stays root in it`);
    return AS_IT_IS;
  }
  const kept = orFail(`cannot run as user ${user.name}`, () => becomeUser(user));
  log.debug(`runs as user ${user.name} (${user.uid}:${user.gid})`);
  if ((kept & CAP_DAC_READ_SEARCH) === 0) sayWhatReloadsRead(log, `the user ${user.name}`);
  return accessWith(kept);
}

function dropCapabilities(log: Log): ConfigurationAccess {
  const given = permittedCapabilities();
  const kept = given & (CAP_DAC_READ_SEARCH | CAP_NET_RAW);
  orFail('cannot give up capabilities', () => {
    keepOutOfForce(kept);
    forbidDumps();
  });
  if (given === 0) log.debug('not started as root: there are no privileges to drop');
  else {
    log.debug('not started as root: capabilities are out of force');
    if ((kept & CAP_DAC_READ_SEARCH) === 0) sayWhatReloadsRead(log, 'its user');
  }
  return accessWith(kept);
}

function sayWhatReloadsRead(log: Log, user: string): void {
  log.warning(`a reload can read only what ${user} can: the capability CAP_DAC_READ_SEARCH is not granted`);
}

/** @throws MandosError PRIVILEGES */
function orFail<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new MandosError('PRIVILEGES', `${what}: ${describeError(error)}`, { cause: error });
  }
}

/** @returns the capabilities that are still permitted */
function becomeUser({ uid, gid }: ServiceUser): number {
  keepCapabilities(true);
  // Of these Node.js changes all threads; the other threads have no capabilities from then on.
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  keepCapabilities(false);
  // That one too is gone where a container or unit has not granted it.
  const kept = permittedCapabilities() & CAP_DAC_READ_SEARCH;
  keepOutOfForce(kept);
  forbidDumps();
  return kept;
}

/** Gives up all capabilities but these. What is ambient and not inheritable any more, checkers do not get. */
function keepOutOfForce(kept: number): void {
  setCapabilities(0, kept, kept & CAP_NET_RAW);
}

function accessWith(kept: number): ConfigurationAccess {
  if ((kept & CAP_DAC_READ_SEARCH) === 0) return AS_IT_IS;
  return run => {
    setCapabilities(CAP_DAC_READ_SEARCH, kept, kept & CAP_NET_RAW);
    try {
      return run();
    } finally {
      keepOutOfForce(kept);
    }
  };
}
