import { MandosError } from '../../common/errors.js';
import type { Privileges } from '../privileges.js';
import type { Obtain } from './password-search.js';

/** The search by plugins, without those that cryptsetup's own askpass makes unnecessary. */
export function pluginSearch(_argv: readonly string[], _privileges: Privileges): Obtain {
  return () => Promise.reject(new MandosError('KEY_FILE', 'there are no plugins yet'));
}
