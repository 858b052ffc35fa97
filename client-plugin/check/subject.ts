import type { Host } from './host.js';
import type { Image } from './image/read-image.js';
import type { ImageFile } from './image/tree.js';
import { releaseOfImage } from './kernels.js';

/** What made an image. */
export type Generator = 'initramfs-tools' | 'dracut' | 'other';
/** Whose client is in it: this package's, or the original's. */
export type Client = 'ours' | 'original' | 'none';

/** An image and the system that it is compared with: what each check looks at. */
export interface Subject {
  readonly image: Image;
  readonly host: Host;
  readonly generator: Generator;
  readonly client: Client;
  /** The kernel's release that it is for; undefined when neither its name nor its modules tell. */
  readonly release: string | undefined;
  /** Where it has its keys, from its root. */
  readonly keyDirectory: string;
  /** Its plugin-runner.conf. */
  readonly configuration: ImageFile | undefined;
  /** The command that makes it anew, in quotes. */
  readonly update: string;
}

const KEY_DIRECTORIES = ['conf/conf.d/mandos', 'etc/mandos/keys', 'etc/keys/mandos'] as const;

/** What to do about modules that an image has not, as words that "run" can follow. */
export function adviseModules({ generator, update }: Subject, modules: readonly string[]): string {
  const where =
    generator === 'dracut'
      ? `put add_drivers+=" ${modules.join(' ')} " into a file in /etc/dracut.conf.d`
      : `add ${modules.length === 1 ? 'it' : 'them'} to /etc/initramfs-tools/modules`;
  return `${where}, then run ${update}`;
}

export function subjectOf(image: Image, host: Host): Subject {
  const { tree, file } = image;
  const generator = generatorOf(image);
  const releases = tree.list('lib/modules');
  const named = releaseOfImage(file);
  const release = named ?? (releases.length === 1 ? releases[0] : undefined);
  const update =
    generator === 'dracut'
      ? `"dracut --force ${file}${release === undefined ? '' : ` ${release}`}"`
      : `"update-initramfs -u -k ${release ?? 'all'}"`;
  return {
    image,
    host,
    generator,
    client: clientOf(image),
    release,
    keyDirectory: KEY_DIRECTORIES.find(directory => tree.list(directory).length > 0) ?? KEY_DIRECTORIES[0],
    configuration:
      tree.file('conf/conf.d/mandos/plugin-runner.conf') ?? tree.file('etc/mandos/plugin-runner.conf'),
    update,
  };
}

function generatorOf({ tree }: Image): Generator {
  if (['usr/lib/dracut', 'lib/dracut', 'usr/lib/initrd-release'].some(path => tree.resolve(path)))
    return 'dracut';
  return tree.resolve('scripts') ? 'initramfs-tools' : 'other';
}

function clientOf({ tree }: Image): Client {
  if (tree.file('lib/mandos/boot.cjs')) return 'ours';
  const programs = ['plugins.d/mandos-client', 'mandos-client', 'plugin-runner'];
  return programs.some(name => tree.file(`lib/mandos/${name}`)?.elf) ? 'original' : 'none';
}
