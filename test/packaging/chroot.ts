import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../support/child.js';

const HERE = join(import.meta.dirname, '../../../test/packaging');
/** Made anew when the recipe is another. */
const RECIPE = createHash('sha256')
  .update(readFileSync(join(HERE, 'make-base.sh')))
  .digest('hex')
  .slice(0, 8);
const BASE =
  process.env['MANDOS_PACKAGES_TREE'] ??
  `/var/cache/mandos-ts-test/packages-bookworm-node-${process.version.slice(1)}-${RECIPE}`;

/** Debootstrap and apt bring half a gigabyte. */
const MAKE_BASE_MS = 900_000;
/** A package is installed, an image is made, on a loaded machine. */
const RUN_MS = 300_000;

/**
 * A machine of its own on top of the base, whose files stay as they are: a root directory, processes, a network with
 * nothing but loopback. All of it is gone when the first process is.
 */
const START = `
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 chroot "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" chroot "$2/root"
root=$2/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=755 dev "$root/dev"
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ip link set lo up
if [ -n "$3" ]; then
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  rm "$root/usr/sbin/policy-rc.d"
  echo ready
  exec chroot "$root" env -i container=other /lib/systemd/systemd --unit="$3"
fi
echo ready
exec sleep infinity`;

/** Whether systemd can be the first process of a chroot here: it wants control groups of its own. */
export function canRunSystemd(): boolean {
  const mount = ['sh', '-c', 'mount --make-rprivate / && mount -t cgroup2 cgroup2 /mnt'];
  return spawnSync('unshare', ['--mount', '--cgroup', ...mount], { stdio: 'ignore' }).status === 0;
}

export interface Result {
  readonly code: number | null;
  /** Both streams. */
  readonly output: string;
}

export class Chroot {
  readonly #init: Child;
  readonly #initPid: string;
  readonly #directory: string;
  readonly #root: string;

  private constructor(init: Child, initPid: string, directory: string, isInside: boolean) {
    this.#init = init;
    this.#initPid = initPid;
    this.#directory = directory;
    const root = join('/proc', initPid, 'root');
    this.#root = isInside ? root : join(root, directory, 'root');
  }

  /** @param unit what systemd starts as the first process; without it there is no systemd */
  static async start(unit = ''): Promise<Chroot> {
    execFileSync('bash', [join(HERE, 'make-base.sh'), BASE], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: MAKE_BASE_MS,
    });
    const directory = mkdtempSync(join(tmpdir(), 'chroot-'));
    const namespaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child'];
    const init = new Child('unshare', [...namespaces, 'sh', '-c', START, 'sh', BASE, directory, unit], {});
    await init.waitForOutput(/^ready$/m);
    const initPid = execFileSync('pgrep', ['--parent', String(init.pid)], { encoding: 'utf8' }).trim();
    return new Chroot(init, initPid, directory, unit !== '');
  }

  /** A file of it, to be read and written from here. */
  path(path: string): string {
    return join(this.#root, path);
  }

  /** Starts a shell script; it has no input. */
  spawn(script: string): Child {
    const enter = [`--target=${this.#initPid}`, '--mount', '--net', '--pid', '--uts', '--ipc'];
    const root = join(this.#directory, 'root');
    const environment = [
      '-i',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'HOME=/root',
      'LC_ALL=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive',
    ];
    const shell = ['chroot', root, '/usr/bin/env', ...environment, 'sh', '-c', script];
    return new Child('nsenter', [...enter, ...shell], {}, script);
  }

  /** Starts a shell script of the machine outside, with its programs, on the network of the chroot. */
  spawnOutside(script: string, ...args: string[]): Child {
    const enter = [`--target=${this.#initPid}`, '--net', 'unshare', '--mount'];
    return new Child('nsenter', [...enter, 'sh', '-e', '-c', script, 'sh', ...args], {}, script);
  }

  async run(script: string): Promise<Result> {
    const child = this.spawn(script);
    const { code } = await child.waitForExit(RUN_MS);
    return { code, output: child.output.replaceAll('\r', '') };
  }

  /** @returns the output. @throws when the script fails */
  async ok(script: string): Promise<string> {
    const { code, output } = await this.run(script);
    if (code !== 0) throw new Error(`${script}: status ${code}\n${output}`);
    return output;
  }

  async stop(): Promise<void> {
    process.kill(Number(this.#initPid), 'SIGKILL');
    await this.#init.waitForExit();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
