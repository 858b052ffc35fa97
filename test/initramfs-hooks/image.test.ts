import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { imageFile } from '../boot/image.js';
import type { Image } from '../boot/image.js';
import { ownImage } from '../boot/images.js';
import { requires } from '../support/requires.js';

/** A Debian tree may have to be made first. */
const LIMIT = { ...requires('root', 'debootstrap', 'dpkg-deb', 'zstd', 'cpio'), timeout: 1_800_000 };

/** What an administrator has in /etc/mandos; then the hook alone is run where something is missing. */
const CONFIGURE = `
cd /etc/mandos
mkdir -p plugins.d plugin-helpers network-hooks.d
printf '#!/bin/sh\\necho mine\\n' >plugins.d/password-prompt
echo old >plugins.d/password-prompt.dpkg-old
cp /bin/true plugin-helpers/helper
echo data >plugin-helpers/helper.data
cat >network-hooks.d/sample <<'END'
#!/bin/sh
echo "$MANDOSNETHOOKDIR $MODE $VERBOSITY $1" >>/tmp/asked
read -r line && echo "read $line" >>/tmp/asked
case $1 in
files) echo /usr/bin/comm; echo /etc/machine-data ;;
modules) echo dummy ;;
esac
END
echo secret >network-hooks.d/sample.conf
echo backup >'network-hooks.d/sample~'
echo data >/etc/machine-data
chmod 700 plugins.d/* network-hooks.d/sample
chmod 755 plugins.d/password-prompt
chmod 600 network-hooks.d/sample.conf
echo '--options-for=mandos-client:--retry=5' >plugin-runner.conf

# Runs the hook as mkinitramfs does, with an image that has cryptsetup.
hook() {
  rm -rf /tmp/image
  mkdir -p /tmp/image/usr/sbin /tmp/image/usr/lib/cryptsetup /tmp/image/conf/conf.d /tmp/image/etc
  for link in lib sbin bin; do ln -s usr/$link /tmp/image/$link; done
  : >/tmp/image/usr/sbin/cryptsetup
  [ "$1" = askpass ] || : >/tmp/image/usr/lib/cryptsetup/askpass
  version=$(ls /lib/modules)
  (
    umask 077
    PATH=/usr/bin:/sbin:/bin DESTDIR=/tmp/image MODULES=list CONFDIR=/etc/initramfs-tools verbose=n version=$version \\
      MODULESDIR=/lib/modules/$version /usr/share/initramfs-tools/hooks/mandos
  ) >$OUT/$1.log 2>&1
  echo "status $?" >>$OUT/$1.log
  find /tmp/image/conf/conf.d /tmp/image/usr/lib /tmp/image/usr/bin -type f 2>/dev/null | grep -c mandos >>$OUT/$1.log || :
}
printf '#!/bin/sh\\nexit 7\\n' >network-hooks.d/broken
printf '#!/bin/sh\\n[ "$1" != files ] || echo /nonexistent\\n' >network-hooks.d/lacking
chmod 755 network-hooks.d/broken network-hooks.d/lacking
hook network-hooks
rm network-hooks.d/broken network-hooks.d/lacking
hook askpass
mv /etc/keys/mandos/tls-privkey.pem /root/
hook key
mv /root/tls-privkey.pem /etc/keys/mandos/
mv /usr/bin/node /usr/bin/node.away
hook node
mv /usr/bin/node.away /usr/bin/node
rm -f /tmp/asked
`;

describe('an image that update-initramfs has made', LIMIT, () => {
  let image: Image;
  let root = '';
  const mode = (path: string) => (statSync(join(root, path)).mode & 0o7777).toString(8);

  before(async () => {
    image = await ownImage({ name: 'own-contents', configure: CONFIGURE });
    root = mkdtempSync(join(tmpdir(), 'image-'));
    chmodSync(root, 0o755); // as / is
    execFileSync('sh', [
      '-c',
      'zstd -dcq "$1" | (cd "$2" && cpio -id --quiet)',
      'sh',
      join(image.directory, 'initrd'),
      root,
    ]);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  test('has the keys and the configuration, for root only, and nobody else may read the image', () => {
    const keys = join(root, 'conf/conf.d/mandos');
    deepStrictEqual(
      readdirSync(keys).map(name => `${name} ${mode(`conf/conf.d/mandos/${name}`)}`),
      [
        'plugin-runner.conf 600',
        'pubkey.txt 400',
        'seckey.txt 400',
        'tls-privkey.pem 400',
        'tls-pubkey.pem 400',
      ],
    );
    strictEqual(mode('conf/conf.d/mandos'), '700');
    strictEqual(statSync(join(image.directory, 'initrd')).mode & 0o077, 0);
  });

  test('has node without its symbols, and programs that nobody too can run', () => {
    ok(statSync(join(root, 'usr/bin/node')).size < 0.95 * statSync(process.execPath).size);
    for (const command of [
      '/usr/bin/node',
      '/lib/mandos/plugins.d/mandos-client',
      '/lib/mandos/plugin-runner',
    ]) {
      const version = execFileSync(
        'chroot',
        ['--userspec=65534:65534', '--groups=', root, command, '--version'],
        {
          encoding: 'utf8',
          // None of the run's, but for where chroot(8) is.
          env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        },
      );
      match(version, /\d+\.\d+\.\d+/);
    }
    ok(
      readdirSync(join(root, 'usr/lib'), { recursive: true }).some(name =>
        String(name).endsWith('/libgnutls.so.30'),
      ),
    );
  });

  test("has the administrator's plugins in place of those of the package, and their helpers", () => {
    strictEqual(
      readFileSync(join(root, 'lib/mandos/plugins.d/password-prompt'), 'utf8'),
      '#!/bin/sh\necho mine\n',
    );
    strictEqual(readlinkSync(join(root, 'lib/mandos/plugins.d/mandos-client')), '../mandos-boot');
    match(readFileSync(join(root, 'lib/mandos/mandos-boot'), 'utf8'), /node/);
    ok(!readdirSync(join(root, 'lib/mandos/plugins.d')).includes('password-prompt.dpkg-old'));
    deepStrictEqual(readdirSync(join(root, 'lib/mandos/plugin-helpers')), ['helper', 'helper.data']);
  });

  test('has network hooks with the files and modules that they ask for, and network drivers', () => {
    deepStrictEqual(readdirSync(join(root, 'lib/mandos/network-hooks.d')), ['sample', 'sample.conf']);
    strictEqual(mode('lib/mandos/network-hooks.d/sample.conf'), '600');
    ok(lstatSync(join(root, 'usr/bin/comm')).isFile());
    strictEqual(readFileSync(join(root, 'etc/machine-data'), 'utf8'), 'data\n');
    const modules = readdirSync(join(root, 'usr/lib/modules'), { recursive: true }).map(String);
    for (const name of ['dummy.ko', 'virtio_net.ko'])
      ok(
        modules.some(file => file.endsWith(`/${name}`)),
        name,
      );
  });

  test('is made without the client when a key, node or askpass is missing, which is said', () => {
    const left = /NOT in this image.*\nstatus 0\n0\n$/;
    match(
      imageFile(image, 'key.log'),
      /tls-privkey\.pem is missing: restore it, or make new keys with "mandos-keygen --force"/,
    );
    match(imageFile(image, 'key.log'), left);
    match(imageFile(image, 'node.log'), /node is not installed/);
    match(imageFile(image, 'node.log'), left);
    match(imageFile(image, 'askpass.log'), /askpass is not in the image/);
    match(imageFile(image, 'askpass.log'), left);
  });

  test('is made with the client when a network hook fails, which is said by name', () => {
    const log = imageFile(image, 'network-hooks.log');
    match(log, /network-hooks\.d\/broken failed when asked for its files \(status 7\)/);
    match(log, /network-hooks\.d\/lacking needs \/nonexistent, which cannot be copied/);
    match(log, /\nstatus 0\n[1-9]/);
  });
});
