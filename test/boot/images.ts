import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TANG_BINDING, TANG_SETUP } from './clevis.js';
import type { Image, ImageOptions, Tree } from './image.js';
import { imageFile, imagesDirectory, makeImage, PASSWORD, SCRIPTS } from './image.js';

const execute = promisify(execFile);
const BUILD_PACKAGES = join(import.meta.dirname, '../../packaging/build/main.js');

/** Makes the image from what is configured by then. What the tree has before is not it. */
const MAKE = 'update-initramfs -u -k all';

/** While packages are installed, where the image is made after that. */
const MAKE_NONE =
  "sed -i 's/^update_initramfs=.*/update_initramfs=no/' /etc/initramfs-tools/update-initramfs.conf";
const MAKE_AGAIN = `${MAKE_NONE.replace('=no', '=yes')}\n${MAKE}`;

/** The client's section for the server, from the tree's own keys. */
const SECTION = 'mandos-keygen --passfile=$IN/password --no-ssh >$OUT/clients.conf';

/** The section of the machine in an image, with a checker that succeeds: the machine is not there to be asked. */
export function clientSection(image: Image, further = ''): string {
  return `${imageFile(image, 'clients.conf')}checker = :\n${further}`;
}

/** A machine without Mandos, whose operator types the password. */
export async function plainImage(): Promise<Image> {
  return await makeImage({ name: 'plain', tree: 'base', setup: MAKE });
}

/** A machine with the original's client as its package installs it. */
export async function originalImage(): Promise<Image> {
  return await makeImage({
    name: 'original',
    tree: 'original',
    setup: `${SECTION}\n${MAKE}`,
    files: { password: { content: PASSWORD } },
  });
}

/** A machine whose disk is bound to a Tang server. */
export async function clevisImage(): Promise<Image> {
  return await makeImage({
    name: 'clevis',
    tree: 'clevis',
    setup: `${TANG_SETUP}\n${MAKE}`,
    files: { password: { content: PASSWORD }, finish: { content: TANG_BINDING } },
  });
}

export interface OwnImageOptions extends Pick<ImageOptions, 'name' | 'files' | 'volumes' | 'append'> {
  readonly tree?: Tree;
  /** What is on the machine before the package is installed. */
  readonly prepare?: string;
  /** What the administrator does once the package is installed. Without it, the package's own image is booted. */
  readonly configure?: string;
}

/** A machine with this project's client, installed by dpkg. */
export async function ownImage(options: OwnImageOptions = { name: 'own' }): Promise<Image> {
  const { prepare = '', configure } = options;
  return await makeImage({
    ...options,
    tree: options.tree ?? 'base',
    setup: `
      ${prepare}
      ${configure === undefined ? '' : MAKE_NONE}
      dpkg --install $IN/*.deb
      ${SECTION}
      ${configure === undefined ? '' : `${configure}\n${MAKE_AGAIN}`}`,
    files: {
      ...options.files,
      password: { content: PASSWORD },
      'nodejs.deb': { path: await nodePackage() },
      'client.deb': { path: await clientPackage() },
    },
  });
}

/** A machine with dracut, and this project's client. */
export async function dracutImage(): Promise<Image> {
  return await ownImage({
    name: 'own-dracut',
    tree: 'dracut',
    append: 'rd.luks.name=00000000-0000-4000-8000-000000000001=root root=/dev/mapper/root rd.shell=0',
    prepare: `cat >/etc/dracut.conf.d/machine.conf <<'END'\n${DRACUT}END`,
  });
}

/** The tree is not the running machine that dracut would look at. */
const DRACUT = `
hostonly=yes
hostonly_mode=sloppy
hostonly_cmdline=no
hostonly_default_device=no
early_microcode=no
compress=zstd
add_dracutmodules+=" systemd crypt dm "
filesystems+=" ext4 "
add_drivers+=" virtio_blk virtio_net virtio_pci virtio_rng dm_mod dm_crypt xts aesni_intel ext4 ipv6 "
`;

/** The client's package, made of what is built. */
async function clientPackage(): Promise<string> {
  const directory = join(imagesDirectory(), 'packages');
  const find = () =>
    existsSync(directory) && readdirSync(directory).find(name => name.startsWith('mandos-ts-client_'));
  if (!find()) await execute(process.execPath, [BUILD_PACKAGES, `--out=${directory}`]);
  return join(directory, find() || 'mandos-ts-client');
}

/** Node.js as a package: Debian 12's own is too old. */
async function nodePackage(): Promise<string> {
  const file = join(imagesDirectory(), 'nodejs.deb');
  if (!existsSync(file)) await execute('bash', [join(SCRIPTS, 'node-package.sh'), process.execPath, file]);
  return file;
}
