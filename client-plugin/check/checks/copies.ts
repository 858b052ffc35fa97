import { counted } from '../../../common/counted.js';
import { listed } from '../../../common/listed.js';
import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import type { CopyGroup, HostCopy } from '../host-files.js';
import type { Subject } from '../subject.js';
import { STARTER } from './start.js';

/** Names that a message gives. */
const SHOWN = 3;
const PLUGINS = 'lib/mandos/plugins.d';

/** Whether the image has what the system has now, by content: times tell nothing of what was copied. */
export function checkCopies(subject: Subject): Finding[] {
  const groups: CopyGroup[] = ['network hooks', 'plugins'];
  const findings = groups.flatMap(group => [...settingsGroup(subject, group), ...leftOver(subject, group)]);
  // Programs of the original are not ours to compare.
  return subject.client === 'ours' ? [...findings, ...programsGroup(subject)] : findings;
}

/** What the administrator has written: with an old one the boot may fail. */
function settingsGroup({ image, host, update, generator }: Subject, group: CopyGroup): Finding[] {
  const copies = host.copies.filter(
    // Under systemd, which asks for passwords itself, there is no other plugin than the client.
    ({ group: its, imagePath }) =>
      its === group &&
      (generator !== 'dracut' ||
        !imagePath.startsWith(`${PLUGINS}/`) ||
        imagePath === `${PLUGINS}/mandos-client`),
  );
  if (copies.length === 0) return [];
  const unreadable = copies.filter(({ fault }) => fault !== undefined);
  const missing = copies.filter(({ imagePath }) => image.tree.file(imagePath) === undefined);
  const old = differing(copies, image.tree);
  const closed = copies.filter(
    copy => !missing.includes(copy) && isNoLongerExecutable(copy, host, image.tree),
  );
  const findings = [
    ...unreadable.map(({ hostPath, fault }) => warning(group, `${hostPath} cannot be read: ${fault ?? ''}`)),
    ...report(group, missing, `not in the image: run ${update}`),
    ...report(group, old, `not as in the image, which has an older state: run ${update}`),
    ...report(group, closed, `not executable in the image, and so not used: run ${update}`),
  ];
  return findings.length > 0
    ? findings
    : [ok(group, `${counted(copies.length, 'file')}, as in ${directoriesOf(copies)}`)];
}

function report(group: CopyGroup, copies: readonly HostCopy[], what: string): Finding[] {
  if (copies.length === 0) return [];
  const names = listed(
    copies.map(({ hostPath }) => hostPath),
    SHOWN,
  );
  return [fail(group, `${names} ${copies.length === 1 ? 'is' : 'are'} ${what}`)];
}

/** Hooks and plugins in the image that the system has no more: they are still run at boot. */
function leftOver({ image, host, update }: Subject, group: CopyGroup): Finding[] {
  const directory = group === 'plugins' ? PLUGINS : 'lib/mandos/network-hooks.d';
  const wanted = new Set(host.copies.map(({ imagePath }) => imagePath));
  const gone = image.tree.list(directory).filter(name => {
    const path = `${directory}/${name}`;
    const file = image.tree.file(path);
    // Our own plugins are links to the launcher, and the original's are programs of its package.
    const isOwn = group === 'plugins' && (file?.path.endsWith('/mandos-boot') ?? true);
    return !isOwn && !wanted.has(path) && !(group === 'plugins' && file?.elf !== undefined);
  });
  if (gone.length === 0) return [];
  return [
    warning(group, `the image still has ${listed(gone, SHOWN)}, which this system has not: run ${update}`),
  ];
}

/** What the package brings: an older state still works. */
function programsGroup({ image, host, update, generator }: Subject): Finding[] {
  const copies = host.copies.filter(
    ({ group, imagePath }) =>
      group === 'programs' ||
      (group === 'start' && imagePath.startsWith('scripts/') === (generator === 'initramfs-tools')),
  );
  if (host.programs === undefined)
    return [
      warning(
        'programs',
        'mandos-ts-client is not installed here, so that nothing tells whether they are current',
      ),
    ];
  // What starts the client is another check's.
  const missing = copies.filter(
    ({ imagePath }) =>
      imagePath !== STARTER && !imagePath.startsWith('usr/lib/systemd/') && !image.tree.file(imagePath)?.size,
  );
  const old = differing(copies, image.tree);
  if (missing.length > 0) {
    const names = missing.map(({ imagePath }) => `/${imagePath}`);
    return [fail('programs', `the image has no ${listed(names, SHOWN)}: run ${update}`)];
  }
  return old.length > 0
    ? [
        warning(
          'programs',
          `the image has another version of ${listed(
            old.map(({ hostPath }) => hostPath),
            SHOWN,
          )} than is installed: run ${update}`,
        ),
      ]
    : [ok('programs', 'as they are installed')];
}

function differing(copies: readonly HostCopy[], tree: Subject['image']['tree']): HostCopy[] {
  return copies.filter(({ imagePath, sha256 }) => {
    const file = tree.file(imagePath);
    return sha256 !== undefined && file !== undefined && file.sha256 !== sha256;
  });
}

function isNoLongerExecutable(
  copy: HostCopy,
  host: Subject['host'],
  tree: Subject['image']['tree'],
): boolean {
  return host.files.isExecutable(copy.hostPath) && ((tree.file(copy.imagePath)?.mode ?? 0) & 0o111) === 0;
}

function directoriesOf(copies: readonly HostCopy[]): string {
  const directories = copies.map(({ hostPath }) => hostPath.slice(0, hostPath.lastIndexOf('/')));
  return [...new Set(directories)].join(' and ');
}
