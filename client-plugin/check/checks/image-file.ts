import { fail, ok, warning } from '../finding.js';
import type { Finding } from '../finding.js';
import { listed } from '../../../common/listed.js';
import type { Subject } from '../subject.js';

/** Who may read the image's file, as it has private keys, and whose client it has. */
export function checkImageFile({ image, client, host, update, keyDirectory, generator }: Subject): Finding[] {
  const mode = image.mode.toString(8).padStart(4, '0');
  const hasKeys = image.tree.list(keyDirectory).length > 0;
  // The group root has root alone: the original makes images with UMASK=0027.
  const isOpen = (image.mode & (image.gid === 0 ? 0o007 : 0o077)) !== 0;
  return [
    !isOpen || !hasKeys
      ? ok(
          'image',
          `${(image.size / 1e6).toFixed(1)} MB, mode ${mode}${isOpen ? ', without keys' : ', for root alone'}`,
        )
      : fail(
          'image',
          `its mode is ${mode}, so that others than root can read the private keys in it: run "chmod 0600 ${image.file}"${generator === 'initramfs-tools' ? ', and set UMASK=0077 in /etc/initramfs-tools/initramfs.conf' : ''}`,
        ),
    ...lost(image.lost),
    clientFinding(client, host.programs, update),
  ];
}

function lost(paths: readonly string[]): Finding[] {
  if (paths.length === 0) return [];
  const more = `${listed(paths, 3)}: there is no directory for ${paths.length === 1 ? 'it' : 'them'}`;
  return [warning('image', `what it has as ${more}, and the kernel leaves that out`)];
}

function clientFinding(client: Subject['client'], programs: string | undefined, update: string): Finding {
  switch (client) {
    case 'ours':
      return ok('client', 'this package is in it');
    case 'original':
      return programs === undefined
        ? ok('client', 'made by the original Mandos: what is not common to both is not checked')
        : fail('client', `made by the original Mandos, which is not what is installed: run ${update}`);
    case 'none':
      return fail(
        'client',
        programs === undefined
          ? `it has no Mandos client: install mandos-ts-client, then run ${update}`
          : `it has no Mandos client: run ${update}, and look at what it says of mandos`,
      );
  }
}
