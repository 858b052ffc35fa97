import { listed } from '../../../common/listed.js';
import { NOBODY } from '../../privileges.js';
import { readConfiguration } from '../client-words.js';
import { fail } from '../finding.js';
import type { Finding } from '../finding.js';
import { parentOf } from '../image/tree.js';
import type { ImageFile } from '../image/tree.js';
import type { Subject } from '../subject.js';

/** What the client loads when it has given root's rights up. */
const LOADED_LATER = 'lib/mandos/openpgp.cjs';
const SHOWN = 3;

/** Whether the client can still load what it needs when it is nobody. */
export function checkAccess(subject: Subject): Finding[] {
  const { client, image, update } = subject;
  const file = image.tree.file(LOADED_LATER);
  if (client !== 'ours' || file === undefined || userIdOf(subject) === 0) return [];
  const closed = (file.mode & 0o004) === 0 ? [file] : [];
  for (let path = file.path; path !== '';) {
    path = parentOf(path);
    const directory = image.tree.resolve(`/${path}`);
    if (directory !== undefined && (directory.mode & 0o001) === 0) closed.push(directory);
  }
  if (closed.length === 0) return [];
  const shown = listed(closed.map(describe), SHOWN);
  return [
    fail(
      'programs',
      `the client, which is not root when it has asked a server, cannot read its programs: ${shown}: run ${update}`,
    ),
  ];
}

const describe = ({ path, mode }: ImageFile) => `/${path} has mode ${mode.toString(8).padStart(4, '0')}`;

/** Under systemd there is no plugin runner, whose option it is. */
function userIdOf({ generator, configuration }: Subject): number {
  if (generator === 'dracut') return NOBODY;
  return readConfiguration(configuration?.content?.toString() ?? '').userId;
}
