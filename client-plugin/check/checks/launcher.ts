import { fail } from '../finding.js';
import type { Finding } from '../finding.js';
import { hashOf } from '../host-files.js';
import type { Subject } from '../subject.js';
import { NODE } from './node.js';

/** What all programs' names are links to: a script that node runs. */
const LAUNCHER = 'lib/mandos/mandos-boot';
const PROGRAMS = 'lib/mandos/boot.cjs';

/** Whether the script that starts the programs is complete, and names a node that is there. */
export function checkLauncher(subject: Subject): Finding[] {
  const { client, image, update } = subject;
  const file = image.tree.file(LAUNCHER);
  // Without it, or when it is empty, the client is not started: another check's.
  if (client !== 'ours' || file === undefined || file.size === 0) return [];
  const { interpreter, rest } = splitLauncher(file.content?.toString() ?? '');
  if (interpreter === undefined || rest.trim() === '' || isOtherThanInstalled(subject, rest))
    return [fail('programs', `/${LAUNCHER} in the image is damaged: run ${update}`)];
  // The usual one is another check's.
  if (interpreter === `/${NODE}`) return [];
  const node = image.tree.file(interpreter);
  if (node?.elf !== undefined && (node.mode & 0o111) !== 0) return [];
  return [
    fail(
      'programs',
      `/${LAUNCHER} in the image is to be run by ${interpreter}, which is no program in it: run ${update}`,
    ),
  ];
}

/** Its first line differs where the image has node elsewhere. */
function splitLauncher(text: string): { readonly interpreter: string | undefined; readonly rest: string } {
  const [, interpreter, rest = ''] = /^#! *(\/\S+)[^\n]*\n(.*)$/s.exec(text) ?? [];
  return { interpreter, rest };
}

/** Of the installed version's programs only: of another version's, that is said already. */
function isOtherThanInstalled({ host, image }: Subject, rest: string): boolean {
  if (host.programs === undefined) return false;
  const [programs, launcher] = ['boot.cjs', 'mandos-boot'].map(name =>
    host.files.read(`${host.programs ?? ''}/${name}`),
  );
  if (programs === undefined || launcher === undefined) return false;
  return (
    image.tree.file(PROGRAMS)?.sha256 === hashOf(programs) && splitLauncher(launcher.toString()).rest !== rest
  );
}
