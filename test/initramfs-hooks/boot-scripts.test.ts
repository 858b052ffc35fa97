import { doesNotMatch, match, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../support/requires.js';
import type { Shell } from './boot-scene.js';
import { bootScripts, SHELLS, SHOW_OPTIONS } from './boot-scene.js';

const NEEDS = requires('root', 'netns', 'busybox');

/** Starts the client and waits until it runs. */
const START = 'run init-premount; wait_for /tmp/client-ready';

/** Waits until the network is being configured. */
const IPV4_BEGUN = 'wait_for /tmp/ipv4-begun';

/** The option lines that are added to plugin-runner.conf at a boot. */
function addedOptions(console: string): string[] {
  return console.split('\n').filter(line => line.startsWith('--options-for='));
}

for (const shell of Object.keys(SHELLS) as Shell[]) {
  test(`${shell}: the client is started in the background, and the boot goes on`, NEEDS, t => {
    const console = bootScripts(t, { shell, boot: `${START}; ${SHOW_OPTIONS}` });
    match(console, /the client has started/);
    strictEqual(addedOptions(console).length, 0);
    doesNotMatch(console, /IPv4/);
  });

  test(`${shell}: mandos=off starts nothing, and says why`, NEEDS, t => {
    const console = bootScripts(t, {
      shell,
      cmdline: 'ip=dhcp mandos=off',
      boot: 'IP=dhcp run init-premount; sleep 1',
    });
    match(console, /not started: the kernel command line has mandos=off/);
    doesNotMatch(console, /started\n|IPv4/);
  });

  test(`${shell}: mandos=connect:ADDRESS:PORT is added to the options of the image`, NEEDS, t => {
    const console = bootScripts(t, {
      shell,
      cmdline: 'quiet mandos=connect:192.0.2.1:4711',
      config: '--options-for=mandos-client:--debug # no line end',
      boot: `IP= ${START}; ${IPV4_BEGUN}; ${SHOW_OPTIONS}`,
    });
    strictEqual(
      addedOptions(console).join('\n'),
      '--options-for=mandos-client:--debug # no line end\n--options-for=mandos-client:--connect=192.0.2.1:4711',
    );
    match(console, /IPv4 is configured: \n/);
  });

  test(`${shell}: an IPv6 address with its interface is an address too`, NEEDS, t => {
    const console = bootScripts(t, {
      shell,
      cmdline: 'mandos=connect:[fe80::1%eth0]:4711',
      boot: `${START}; ${SHOW_OPTIONS}`,
    });
    strictEqual(addedOptions(console).join(), '--options-for=mandos-client:--connect=[fe80::1%eth0]:4711');
  });

  test(`${shell}: DEVICE of initramfs.conf is the client's interface`, NEEDS, t => {
    const console = bootScripts(t, { shell, boot: `export DEVICE=eth1; ${START}; ${SHOW_OPTIONS}` });
    strictEqual(addedOptions(console).join(), '--options-for=mandos-client:--interface=eth1');
  });

  test(`${shell}: the sixth field of ip= goes before DEVICE, and the network is configured`, NEEDS, t => {
    const ip = '192.0.2.2::192.0.2.1:255.255.255.0:machine:eth2:off';
    const console = bootScripts(t, {
      shell,
      boot: `export DEVICE=eth1 IP=${ip}; ${START}; ${IPV4_BEGUN}; ${SHOW_OPTIONS}`,
    });
    strictEqual(addedOptions(console).join(), '--options-for=mandos-client:--interface=eth2');
    match(console, new RegExp(`IPv4 is configured: ${ip}\n`));
  });

  test(`${shell}: ip= without a sixth field leaves DEVICE as it is`, NEEDS, t => {
    const console = bootScripts(t, {
      shell,
      boot: `export DEVICE=eth1 IP=192.0.2.2::192.0.2.1:255.255.255.0; ${START}; ${SHOW_OPTIONS}`,
    });
    strictEqual(addedOptions(console).join(), '--options-for=mandos-client:--interface=eth1');
  });

  test(
    `${shell}: ip=off configures no network, nor does a machine with Dropbear, which does it itself`,
    NEEDS,
    t => {
      const cmdline = 'mandos=connect:192.0.2.1:4711';
      const off = bootScripts(t, { shell, cmdline, boot: `export IP=off; ${START}; sleep 1` });
      doesNotMatch(off, /IPv4/);
      const dropbear = bootScripts(t, {
        shell,
        cmdline,
        boot: `: >/scripts/init-premount/dropbear; export IP=dhcp; ${START}; sleep 1`,
      });
      doesNotMatch(dropbear, /IPv4/);
    },
  );

  test(`${shell}: what is no address is said and ignored, as is an unknown word`, NEEDS, t => {
    const console = bootScripts(t, {
      shell,
      cmdline: 'mandos=connect:a,--debug mandos=on',
      boot: `${START}; ${SHOW_OPTIONS}`,
    });
    match(console, /--connect=a,--debug is ignored/);
    match(console, /mandos=on on the kernel command line is unknown/);
    strictEqual(addedOptions(console).length, 0);
  });

  test(`${shell}: without a volume to open nothing is started, unless cryptopts= makes one`, NEEDS, t => {
    const none = bootScripts(t, { shell, crypttab: '', boot: 'run init-premount; sleep 1' });
    strictEqual(none, 'the boot is over\n');
    bootScripts(t, { shell, crypttab: '', cmdline: 'cryptopts=target=root,source=/dev/vda', boot: START });
  });

  test(`${shell}: an image without the client boots without a word`, NEEDS, t => {
    const boot = 'run init-premount && run local-premount && run init-bottom && echo all three';
    strictEqual(bootScripts(t, { shell, client: null, boot }), 'all three\nthe boot is over\n');
  });

  test(`${shell}: before the root is mounted, a client with all volumes open may end`, NEEDS, t => {
    const client = '#!/bin/sh\necho ready >/tmp/client-ready\nsleep 0.5\necho the client has ended';
    const console = bootScripts(t, {
      shell,
      client,
      boot: `: >/dev/mapper/root; ${START}; run local-premount; echo the root is mounted`,
    });
    match(console, /the client has ended\nthe root is mounted\n/);
  });

  test(
    `${shell}: before the root is mounted, a client whose volume is not open is not waited for`,
    NEEDS,
    t => {
      const console = bootScripts(t, {
        shell,
        crypttab: 'root UUID=1 none luks\nhome UUID=2 none luks\n',
        client:
          '#!/bin/sh\necho ready >/tmp/client-ready\nwhile [ ! -e /tmp/mounted ]; do sleep 0.1; done\necho still there',
        boot: `: >/dev/mapper/root; ${START}; run local-premount; echo mounted >/tmp/mounted; sleep 1; run init-bottom`,
      });
      match(console, /still there/);
    },
  );

  test(
    `${shell}: at last the client and the configuration of the network are ended, and what that brought up is down`,
    NEEDS,
    t => {
      const console = bootScripts(t, {
        shell,
        boot: `export IP=dhcp; ${START}; ${IPV4_BEGUN}
        ip link add other type veth peer name wanted
        ip link set wanted up; ip link set other up; ip addr add 192.0.2.1/24 dev other
        while ! grep -lzs '^1000$' /proc/[0-9]*/cmdline; do sleep 0.1; done
        run init-bottom
        grep -lzs '^1000$' /proc/[0-9]*/cmdline && echo the configuration of the network was left
        for name in wanted other; do echo "$name $(($(cat /sys/class/net/$name/flags) & 1))"; done`,
      });
      match(console, /the client has ended\n/);
      // Without an IPv4 address it was brought up for nothing.
      match(console, /wanted 0\nother 1\n/);
      doesNotMatch(console, /was left/);
    },
  );

  test(`${shell}: the client has no terminal of its own, whose settings it would change`, NEEDS, t => {
    const client = '#!/bin/sh\nreadlink /proc/$$/fd/* >/tmp/files\necho ready >/tmp/client-ready';
    const boot = `readlink /proc/$$/fd/2; ${START}; sed 's/^/client: /' /tmp/files`;
    const console = bootScripts(t, { shell, client, boot });
    const own = /^pipe:.*$/m.exec(console)?.[0] ?? 'none';
    match(console, /^client: pipe:/m);
    strictEqual(console.includes(`client: ${own}`), false, console);
  });

  test(`${shell}: a client that does not end is killed`, NEEDS, t => {
    const client = "#!/bin/sh\ntrap '' TERM\necho ready >/tmp/client-ready\nwhile :; do sleep 0.1; done";
    const console = bootScripts(t, {
      shell,
      client,
      boot: `${START}
        run init-bottom
        pid=$(cat /lib/mandos/client.pid)
        grep -qs '^State:.[^Z]' "/proc/$pid/status" && echo the client was left`,
    });
    match(console, /did not end within 10 seconds, it is killed/);
    doesNotMatch(console, /was left/);
  });
}
