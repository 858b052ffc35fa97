import { strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.js';
import type { Shell } from './boot-scene.js';
import { HOOKS, SHELLS } from './boot-scene.js';

const NEEDS = requires('root', 'unshare', 'busybox');

/** dracut's own functions, as far as the script uses them; then all that it has written, in a /run and /etc apart. */
const SOURCE = `
mount -t tmpfs none /run
mkdir /run/upper /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work overlay /etc
getargs() { for word in $CMDLINE; do case $word in "$1"*) printf '%s ' "\${word#*=}" ;; esac; done; }
warn() { echo "warning: $*"; }
. "$SCRIPT"
for file in /run/mandos* /etc/cmdline.d/*; do [ ! -f "$file" ] || cat "$file"; done
`;

/** @returns what the script says and writes */
function run(shell: Shell, cmdline: string): string {
  const args = ['--mount', '--propagation', 'private', ...SHELLS[shell].split(' '), '-c', SOURCE];
  const { stdout } = spawnSync('unshare', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      CMDLINE: cmdline,
      SCRIPT: join(HOOKS, 'dracut/90mandos/cmdline-mandos.sh'),
    },
  });
  return stdout;
}

for (const shell of Object.keys(SHELLS) as Shell[]) {
  test(
    `dracut, ${shell}: mandos=connect:ADDRESS:PORT is an option of the client, and the network is configured`,
    NEEDS,
    () => {
      strictEqual(
        run(shell, 'quiet mandos=connect:[fe80::1%eth0]:4711'),
        'MANDOS_KERNEL_OPTIONS="--connect=[fe80::1%eth0]:4711"\nrd.neednet=1\n',
      );
      strictEqual(run(shell, 'mandos=connect'), 'rd.neednet=1\n');
    },
  );

  test(`dracut, ${shell}: the device of ip= is the client's interface`, NEEDS, () => {
    strictEqual(
      run(shell, 'ip=192.0.2.2::192.0.2.1:255.255.255.0:machine:eth2:off ip=dhcp ip=eth1:dhcp'),
      'MANDOS_KERNEL_OPTIONS="--interface=eth2"\n',
    );
    strictEqual(run(shell, 'ip=[2001:db8::2]::[2001:db8::1]:64:machine:eth2:off'), '');
  });

  test(`dracut, ${shell}: what is no address or no known word is said and ignored`, NEEDS, () => {
    strictEqual(
      run(shell, 'mandos=connect:"a" mandos=on mandos=off'),
      'warning: mandos: --connect="a" is ignored: it has characters that no address or interface has\n' +
        'warning: mandos: mandos=on is unknown, try mandos=off or mandos=connect:ADDRESS:PORT\n' +
        'rd.neednet=1\n',
    );
  });
}
