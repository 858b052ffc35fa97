import { chownSync, existsSync, mkdirSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import type { ServiceUser } from './service-user.js';
import { isMapped, systemServiceUser } from './service-user.js';

/**
 * Makes the directory of the state if there is none, for the user that the server will run as. To be called before
 * root is given up; one that exists is left as it is.
 * @throws MandosError STATE
 */
export function prepareStateDirectory(
  path: string,
  findUser: () => ServiceUser | undefined = systemServiceUser,
): void {
  try {
    if (existsSync(path)) return;
    // Without the directories above it: these are not missing but mistyped.
    mkdirSync(path, { mode: 0o700 });
    const user = process.geteuid?.() === 0 ? findUser() : undefined;
    if (user && isMapped(user)) chownSync(path, user.uid, user.gid);
  } catch (error) {
    throw new MandosError('STATE', `the state directory ${path} cannot be made: ${describeError(error)}`, {
      cause: error,
    });
  }
}
