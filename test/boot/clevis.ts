import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createLan } from '../support/namespace.js';
import type { Lan } from '../support/namespace.js';
import type { Image } from './image.js';
import { treeDirectory } from './image.js';

const SERVER = '192.0.2.1';

/** What a machine with Clevis is told: Tang is an HTTP server, and HTTP to link-local addresses is none. */
export const TANG_CLIENT_ADDRESS = `net.ifnames=0 ip=192.0.2.2::${SERVER}:255.255.255.0:machine:eth0:off`;

/** The keys of a Tang server, of which the image's disk gets its binding. */
export const TANG_SETUP = `
  mkdir $OUT/tang
  /usr/libexec/tangd-keygen $OUT/tang`;
export const TANG_BINDING = `
  printf 'GET /adv HTTP/1.1\\r\\n\\r\\n' | /usr/libexec/tangd /mnt/out/tang | sed '1,/^\\r*$/d' >/tmp/advertisement
  clevis luks bind -y -k /mnt/in/password -d /mnt/disks/root.img \\
    tang '{ "url": "http://${SERVER}", "adv": "/tmp/advertisement" }'`;

/** A lan with the Tang server that the image's disk is bound to. */
export async function lanWithTang(t: TestContext, image: Image): Promise<Lan> {
  const lan = await createLan(t);
  const host = await lan.host('server', { addresses: { 0: [`${SERVER}/24`] } });
  const keys = join(image.directory, 'tang');
  chmodSync(keys, 0o755);
  const child = host.spawnShell(
    `mount --bind "$1" "$2/mnt"
     exec socat -d -d TCP4-LISTEN:80,fork,reuseaddr "EXEC:chroot $2 /usr/libexec/tangd /mnt"`,
    [keys, await treeDirectory('clevis')],
  );
  await child.waitForOutput(/listening on/);
  return lan;
}
