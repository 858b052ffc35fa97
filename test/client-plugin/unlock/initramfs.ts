import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, DEFAULT_WAIT_MS } from '../../support/child.js';
import type { Cleanup } from '../../support/namespace.js';
import { cryptsetupTree } from './cryptsetup-tree.js';

const PROJECT = join(import.meta.dirname, '../../../..');
const RUNNER = join(import.meta.dirname, 'unlock-runner.js');
const PROGRAM = join(PROJECT, 'dist/client-plugin/unlock/mandos-to-cryptroot-unlock.js');

/** What local-top/cryptroot takes from initramfs-tools, as far as these tests come. */
const SCRIPT_FUNCTIONS = `
get_fstype() { echo ext4; }
wait_for_udev() { :; }
panic() { exit 1; }
`;

/** Opens a volume when what it is given is the content of /passwords/NAME, as cryptsetup does with LUKS. */
const CRYPTSETUP = `#!/bin/sh
for name; do :; done
cat >/tmp/given
echo "$name" >>/control/tries
[ "$(od -An -c /passwords/"$name")" = "$(od -An -c /tmp/given)" ] || exit 2
exec sh /control/open.sh "$name"
`;

/** Makes a mapping as sysfs shows it, with the name that libdevmapper makes of a name. */
const OPEN = `
n=$(ls /sys/block | wc -l)
mkdir -p /sys/block/dm-$n/dm
mknod /dev/dm-$n b 253 $n
echo "$1" >/sys/block/dm-$n/given-name
echo "$1" | sed 's/ /\\\\x20/g' >/sys/block/dm-$n/dm/name
echo 2048 >/sys/block/dm-$n/size
`;

const DMSETUP = `#!/bin/sh
for name; do :; done
for device in /sys/block/dm-*; do
  [ "$(cat "$device/given-name" 2>/dev/null)" != "$name" ] || { basename "$device"; exit 0; }
done
exit 1
`;

/** A root file system like that of an initramfs, in namespaces of its own: nothing of it is seen outside. */
const ENTER = `
set -e
mount -t tmpfs none "$ROOT"
cd "$ROOT"
mkdir -p usr lib sbin proc dev sys/block tmp run etc cryptroot scripts passwords control ".$PROJECT"
mount --bind /usr usr
mount --bind "$CONTROL" control
mount --bind "$PROJECT" ".$PROJECT"
ln -s usr/bin bin
[ ! -e /lib64 ] || ln -s usr/lib64 lib64
for file in /usr/lib/*; do [ "$file" = /usr/lib/cryptsetup ] || ln -s "$file" lib/; done
for file in /usr/sbin/*; do ln -s "$file" sbin/; done
rm -f sbin/cryptsetup sbin/dmsetup sbin/modprobe
cp -a "$TREE/lib/cryptsetup" lib/cryptsetup
cp control/cryptsetup.sh sbin/cryptsetup
cp control/dmsetup.sh sbin/dmsetup
ln -s /bin/true sbin/modprobe
chmod 755 sbin/cryptsetup sbin/dmsetup
cp "$TREE/usr/share/initramfs-tools/scripts/local-top/cryptroot" scripts/cryptroot
cp control/functions scripts/functions
cp control/crypttab cryptroot/crypttab
cp control/passwords/* passwords/
touch disk
mount -t proc proc proc
mkdir dev/pts
mount -t devpts -o ptmxmode=666 none dev/pts
for name in null zero urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
ln -s pts/ptmx dev/ptmx
exec chroot "$ROOT" env -i PATH=/sbin:/bin HOME=/ TERM=linux NODE="$NODE" RUNNER="$RUNNER" \\
  script --quiet --return --command 'exec sh /control/boot.sh' /dev/null
`;

export interface InitramfsOptions {
  /** Passwords by volume: each is a line of crypttab. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Options of crypttab's lines. */
  readonly tabOptions?: string;
  /** A plugin, as a shell script: the program runs as it is installed, with this plugin alone; without any if empty. */
  readonly plugin?: string;
  /** A shell script to run instead of local-top/cryptroot; $UNLOCK is the program's process. */
  readonly boot?: string;
}

/** A machine that boots: the program under test, then Debian's own script, on one terminal. */
export class Initramfs {
  /** The console: what is typed is its standard input. */
  readonly console: Child;
  readonly #control: string;

  constructor(t: Cleanup, { volumes, tabOptions = 'luks', plugin, boot }: InitramfsOptions) {
    const directory = mkdtempSync(join(tmpdir(), 'initramfs-'));
    this.#control = join(directory, 'control');
    const root = join(directory, 'root');
    mkdirSync(join(this.#control, 'passwords'), { recursive: true });
    mkdirSync(root);
    const names = Object.keys(volumes);
    const files = {
      functions: SCRIPT_FUNCTIONS,
      'cryptsetup.sh': CRYPTSETUP,
      'dmsetup.sh': DMSETUP,
      'open.sh': OPEN,
      crypttab: names.map(name => `${name.replaceAll(' ', '\\040')} /disk none ${tabOptions}\n`).join(''),
      'boot.sh': `
"$NODE" ${plugin === undefined ? '"$RUNNER"' : `${PROGRAM} -- --plugin-dir=/control/plugins`} & UNLOCK=$!
${boot ?? 'sh /scripts/cryptroot; echo "cryptroot ended: $?"'}
wait "$UNLOCK"; echo "unlock ended: $?"
`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#control, name), text);
    for (const [name, password] of Object.entries(volumes))
      writeFileSync(join(this.#control, 'passwords', name), password);
    if (plugin) {
      mkdirSync(join(this.#control, 'plugins'));
      writeFileSync(join(this.#control, 'plugins/own'), `#!/bin/sh\n${plugin}\n`, { mode: 0o755 });
    }
    this.console = new Child(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER],
      {
        keepInputOpen: true,
        env: {
          ROOT: root,
          CONTROL: this.#control,
          PROJECT,
          TREE: cryptsetupTree(),
          NODE: process.execPath,
          RUNNER,
        },
      },
      'initramfs',
    );
    t.after(async () => {
      this.console.kill();
      await this.console.exited;
      rmSync(directory, { recursive: true, force: true });
    });
  }

  /** The password that the search finds next. */
  serve(password: string | Uint8Array): void {
    const file = join(this.#control, 'password');
    writeFileSync(`${file}.new`, password);
    renameSync(`${file}.new`, file);
  }

  /** Makes a file in /control. */
  put(name: string, text: string): void {
    writeFileSync(join(this.#control, name), text);
  }

  /** Waits until the program has looked at the machine some more times. */
  async looks(times: number): Promise<void> {
    const file = join(this.#control, 'looks');
    const seen = () => (existsSync(file) ? statSync(file).size : 0);
    const enough = seen() + times;
    const endMs = Date.now() + DEFAULT_WAIT_MS;
    while (seen() < enough) {
      if (Date.now() > endMs) throw new Error(`it does not look: ${this.console.tail()}`);
      await new Promise(resolve => {
        setTimeout(resolve, 20);
      });
    }
  }

  /** The volumes that cryptsetup was called for, in order. */
  tries(): string[] {
    return readFileSync(join(this.#control, 'tries'), 'utf8').trimEnd().split('\n');
  }

  /** Types a line on the console. */
  type(line: string): void {
    this.console.stdin.write(`${line}\n`);
  }
}
