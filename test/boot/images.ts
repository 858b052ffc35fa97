import type { Image } from './image.js';
import { imageFile, makeImage, PASSWORD } from './image.js';

/** The image is made; what the base tree has is not it. */
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
