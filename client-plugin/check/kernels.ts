import type { HostFiles } from './host-files.js';

/** Where images and kernels are. */
export const BOOT_DIRECTORY = '/boot';

/** Names of an image by its kernel's release: update-initramfs's, and those that dracut uses elsewhere. */
const IMAGE_NAMES = [/^initrd\.img-(.+)$/, /^initramfs-(.+)\.img$/, /^initrd-(.+)$/];
const KERNEL_NAMES = /^vmlinu[xz]-(.+)$/;
/** Copies that nobody boots. */
const LEFTOVERS = /(\.(bak|old|new|orig|dpkg-\w+|old-dkms)|~|kdump|rescue)/;

/** The kernel's release that an image is named after. */
export function releaseOfImage(file: string): string | undefined {
  const name = file.slice(file.lastIndexOf('/') + 1);
  if (LEFTOVERS.test(name)) return undefined;
  for (const pattern of IMAGE_NAMES) {
    const [, release] = pattern.exec(name) ?? [];
    if (release !== undefined) return release;
  }
  return undefined;
}

/** All images, the newest kernel's first. */
export function findImages(files: HostFiles): { readonly release: string; readonly file: string }[] {
  return files
    .list(BOOT_DIRECTORY)
    .flatMap(name => {
      const release = releaseOfImage(name);
      return release === undefined ? [] : [{ release, file: files.at(`${BOOT_DIRECTORY}/${name}`) }];
    })
    .toSorted((a, b) => compareReleases(b.release, a.release));
}

/** Releases of the kernels that are installed, the newest first. */
export function findKernels(files: HostFiles): string[] {
  return files
    .list(BOOT_DIRECTORY)
    .flatMap(name => (LEFTOVERS.test(name) ? [] : (KERNEL_NAMES.exec(name)?.[1] ?? [])))
    .toSorted((a, b) => compareReleases(b, a));
}

/** Compares releases by their numbers, as 6.1.0-9 comes before 6.1.0-10, and 6.1~rc4 before 6.1. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x = '', y = ''] = [left[i], right[i]];
    if (x === y) continue;
    if (x.startsWith('~') || y.startsWith('~')) {
      if (!y.startsWith('~')) return -1;
      if (!x.startsWith('~')) return 1;
    }
    const [m, n] = [Number(x), Number(y)];
    if (x !== '' && y !== '' && !Number.isNaN(m) && !Number.isNaN(n)) return m - n;
    return x < y ? -1 : 1;
  }
  return 0;
}

const partsOf = (release: string): string[] => release.match(/\d+|~|[^\d~]+/g) ?? [];
