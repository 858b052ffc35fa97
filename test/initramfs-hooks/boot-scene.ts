import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export const HOOKS = join(import.meta.dirname, '../../../initramfs-hooks');

/** Far above what a boot without waiting takes. */
const LIMIT_MS = 120_000;

/** The shells that may be /bin/sh in an initramfs; klibc's is dash. */
export const SHELLS = { dash: 'dash', busybox: 'busybox sh' } as const;
export type Shell = keyof typeof SHELLS;

/** A client that runs until it is ended, and says so. */
const CLIENT = `#!/bin/sh
trap 'echo the client has ended; exit' TERM
echo the client has started
echo ready >/tmp/client-ready
while :; do sleep 0.1; done
`;

/** initramfs-tools' own functions, as far as the scripts use them: IPv4 that no server answers. */
const FUNCTIONS = `
configure_networking() {
  echo "IPv4 is configured: $IP"
  echo ready >/tmp/ipv4-begun
  sleep 1000
}
`;

/** A root file system like that of an initramfs, in namespaces of its own, in which the real scripts are. */
const ENTER = `
set -e
mount -t tmpfs none "$ROOT"
cd "$ROOT"
mkdir -p usr proc sys dev run tmp lib/mandos conf/conf.d/mandos cryptroot scripts control
mount --bind /usr usr
mount --bind "$CONTROL" control
for directory in bin sbin lib64; do [ ! -e /$directory ] || ln -s usr/$directory $directory; done
for entry in /usr/lib/*; do ln -s "$entry" lib/ 2>/dev/null || :; done
cp -r "$HOOKS/initramfs-tools/scripts/." scripts
cp control/functions scripts/functions
cp control/crypttab cryptroot/crypttab
cp control/plugin-runner.conf conf/conf.d/mandos/
[ ! -e control/client ] || install -m 755 control/client lib/mandos/mandos-to-cryptroot-unlock
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --bind control/cmdline proc/cmdline
mkdir dev/mapper
for node in null zero; do : >dev/$node; mount --bind /dev/$node dev/$node; done
exec chroot "$ROOT" env -i PATH=/sbin:/bin SHELL_UNDER_TEST="$SHELL_UNDER_TEST" sh /control/boot 2>&1
`;

/** For the boot: \`run SCRIPT\` runs a script as init does. */
const PRELUDE = `
run() { $SHELL_UNDER_TEST "/scripts/$1/mandos"; }
wait_for() { while ! grep -qs . "$1"; do sleep 0.1; done; }
`;

export interface BootOptions {
  readonly shell: Shell;
  /** The kernel command line. */
  readonly cmdline?: string;
  readonly crypttab?: string;
  /** plugin-runner.conf as the image has it. */
  readonly config?: string;
  /** Instead of the client that runs until it is ended; null leaves it out, as the hook does when a key is missing. */
  readonly client?: string | null;
  /** What init does, as a shell script, in which \`run SCRIPT\` runs one of ours. */
  readonly boot: string;
}

/** @returns what the console shows until the boot is over */
export function bootScripts(t: TestContext, options: BootOptions): string {
  const directory = mkdtempSync(join(tmpdir(), 'boot-scripts-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const control = join(directory, 'control');
  const root = join(directory, 'root');
  mkdirSync(control);
  mkdirSync(root);
  const files: Record<string, string | null> = {
    cmdline: `${options.cmdline ?? 'quiet root=/dev/mapper/root'}\n`,
    crypttab: options.crypttab ?? 'root UUID=1 none luks,initramfs\n',
    'plugin-runner.conf': options.config ?? '',
    client: options.client === undefined ? CLIENT : options.client,
    functions: FUNCTIONS,
    boot: `${PRELUDE}${options.boot}\necho the boot is over\n`,
  };
  for (const [name, text] of Object.entries(files))
    if (text !== null) writeFileSync(join(control, name), text);
  const { stdout, stderr, status, error } = spawnSync(
    'unshare',
    ['--mount', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-c', ENTER],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        ROOT: root,
        CONTROL: control,
        HOOKS,
        SHELL_UNDER_TEST: SHELLS[options.shell],
      },
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    },
  );
  if (error !== undefined || status !== 0 || !stdout.includes('the boot is over'))
    throw new Error(`the boot was not over: ${error?.message ?? status}\n${stdout}${stderr}`, {
      cause: error,
    });
  return stdout;
}

/** The plugin runner's options as the client would read them, one to a line. */
export const SHOW_OPTIONS = 'cat /conf/conf.d/mandos/plugin-runner.conf';

export function readHook(path: string): string {
  return readFileSync(join(HOOKS, path), 'utf8');
}
