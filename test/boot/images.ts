import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TANG_BINDING, TANG_SETUP } from './clevis.js';
import type { Image, ImageOptions, Tree } from './image.js';
import { imageFile, imagesDirectory, makeImage, PASSWORD, SCRIPTS } from './image.js';

const execute = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../..');
const PACKAGES = join(ROOT, 'dist/packages');

/** Makes the image from what is configured by then. What the tree has before is not it. */
const MAKE = 'update-initramfs -u -k all';

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

export interface OwnImageOptions extends Pick<ImageOptions, 'name' | 'files' | 'volumes'> {
  readonly tree?: Tree;
  /** What the administrator does once the package is installed. Without it, the package's own image is booted. */
  readonly configure?: string;
  /** How the image is made after that. */
  readonly make?: string;
}

/** A machine with this project's client, installed by dpkg. */
export async function ownImage(options: OwnImageOptions = { name: 'own' }): Promise<Image> {
  const { configure, make = MAKE } = options;
  return await makeImage({
    ...options,
    tree: options.tree ?? 'base',
    setup: `
      ${existsSync(PACKAGES) ? 'dpkg --install $IN/*.deb' : BY_HAND}
      ${SECTION}
      ${configure === undefined ? '' : `${configure}\n${make}`}`,
    files: {
      ...options.files,
      password: { content: PASSWORD },
      'nodejs.deb': { path: await nodePackage() },
      ...(existsSync(PACKAGES)
        ? { 'client.deb': { path: clientPackage() } }
        : { checkout: { path: join(ROOT, 'initramfs-hooks') }, bundle: { path: join(ROOT, 'dist/bundle') } }),
    },
  });
}

// Until there are packages.
const BY_HAND = `
  dpkg --install $IN/nodejs.deb
  to=/usr/lib/x86_64-linux-gnu/mandos
  mkdir -p /etc/keys/mandos /etc/mandos/plugins.d /etc/mandos/network-hooks.d $to
  chmod 700 /etc/keys/mandos
  cp -a $IN/bundle/. $to/
  for tool in mandos-keygen mandos-initramfs; do ln -s ../..$to/mandos-tools /usr/sbin/$tool; done
  cp -a $IN/checkout/initramfs-tools/scripts $IN/checkout/initramfs-tools/conf-hooks.d /usr/share/initramfs-tools/
  install -m 755 $IN/checkout/initramfs-tools/hook /usr/share/initramfs-tools/hooks/mandos
  mandos-keygen
  ${MAKE}`;

/** The client's package, of \`npm run package\`. */
function clientPackage(): string {
  const file = readdirSync(PACKAGES).find(name => /^mandos-ts-client_.*\.deb$/.test(name));
  if (file === undefined)
    throw new Error(`${PACKAGES} has no mandos-ts-client package: run "npm run package"`);
  return join(PACKAGES, file);
}

/** Node.js as a package: Debian 12's own is too old. */
async function nodePackage(): Promise<string> {
  const file = join(imagesDirectory(), 'nodejs.deb');
  if (!existsSync(file)) await execute('bash', [join(SCRIPTS, 'node-package.sh'), process.execPath, file]);
  return file;
}
