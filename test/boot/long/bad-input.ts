import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createLan } from '../../support/namespace.js';
import type { Lan } from '../../support/namespace.js';
import { startAvahi, startBus } from '../../support/peers.js';
import type { Image } from '../image.js';
import { PASSWORD } from '../image.js';
import { ownImage } from '../images.js';
import { boot } from '../machine.js';
import { assertReport, lanWithServer, LIMIT } from '../scene.js';

// Whatever is wrong: the console says what, and the password that is typed unlocks.

/** Boots, waits until the console says what is wrong, types the password. */
async function assertSaysAndUnlocks(t: TestContext, lan: Lan, image: Image, says: RegExp): Promise<void> {
  const machine = await boot(t, lan, image);
  await machine.waitForPrompt();
  await machine.console.waitFor(says);
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
}

/** Announces a server that does with each connection what a function body says. */
async function lanWithFalseServer(t: TestContext, onConnection: string): Promise<Lan> {
  const lan = await createLan(t);
  const host = await lan.host('server');
  await startBus(host);
  await startAvahi(host);
  const child = host.spawn(process.execPath, [
    '-e',
    `require('node:net').createServer(socket => { socket.on('error', () => {}); ${onConnection} })
      .listen(0, '::', function () { console.log('port ' + this.address().port) })`,
  ]);
  const [, port = ''] = await child.waitForOutput(/port (\d+)/);
  const announcement = host.spawn('avahi-publish', ['--service', 'Mandos', '_mandos._tcp', port]);
  await announcement.waitForOutput(/Established/);
  return lan;
}

test('a TLS key that the server does not know', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-unknown-key',
    configure:
      'rm /etc/keys/mandos/tls-*; mandos-keygen --dir=/tmp/other; cp /tmp/other/tls-* /etc/keys/mandos/',
  });
  const { lan } = await lanWithServer(t, image);
  await assertSaysAndUnlocks(t, lan, image, /refused/);
});

test('an OpenPGP key that the secret is not for', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-wrong-key',
    configure:
      'mkdir -m 700 /tmp/other; mandos-keygen --dir=/tmp/other; cp /tmp/other/seckey.txt /etc/keys/mandos/',
  });
  const { lan } = await lanWithServer(t, image);
  await assertSaysAndUnlocks(t, lan, image, /encrypted to key .* not to the key in/);
});

test('a server that answers garbage', LIMIT, async t => {
  const lan = await lanWithFalseServer(t, "socket.write(Buffer.alloc(100000, 'garbage'))");
  await assertSaysAndUnlocks(t, lan, await ownImage(), /server .* failed/);
});

test('a server that stalls', LIMIT, async t => {
  const lan = await lanWithFalseServer(t, '');
  await assertSaysAndUnlocks(t, lan, await ownImage(), /server .* (failed|could not be reached)/);
});

test('a password that does not fit', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-wrong-password',
    configure: `echo wrong >/tmp/wrong
      mandos-keygen --passfile=/tmp/wrong --no-ssh >$OUT/clients.conf`,
  });
  const { lan } = await lanWithServer(t, image);
  await assertSaysAndUnlocks(t, lan, image, /does not open/);
});

test('a full /run', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-full-run',
    configure: `
      script=/etc/initramfs-tools/scripts/init-top/zz-fill
      printf '#!/bin/sh\\n[ "$1" != prereqs ] || { echo udev; exit 0; }\\ncat /dev/zero >/run/full 2>/dev/null\\nexit 0\\n' >$script
      chmod 755 $script`,
  });
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image);
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('a network hook that crashes', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-crashing-hook',
    configure: `
      printf '#!/bin/sh\\n[ "$1" != start ] || kill -SEGV $$\\n' >/etc/mandos/network-hooks.d/crash
      chmod 755 /etc/mandos/network-hooks.d/crash`,
  });
  const { lan } = await lanWithServer(t, image, { further: 'enabled = no\n' });
  await assertSaysAndUnlocks(t, lan, image, /crash.*(SIGSEGV|signal)/);
});

test('a missing library', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-missing-library',
    configure: `
      hook=/etc/initramfs-tools/hooks/zz-remove
      printf '#!/bin/sh\\n[ "$1" != prereqs ] || { echo mandos; exit 0; }\\nfind "$DESTDIR" -name "libgnutls*" -delete\\n' >$hook
      chmod 755 $hook`,
  });
  const { lan } = await lanWithServer(t, image);
  await assertSaysAndUnlocks(t, lan, image, /libgnutls/);
});

test('a damaged plugin-runner.conf', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-damaged-configuration',
    configure:
      "printf -- '--options-for\\0=\\377mandos-client\\n--no-such-option\\n' >/etc/mandos/plugin-runner.conf",
  });
  const { lan } = await lanWithServer(t, image);
  await assertSaysAndUnlocks(t, lan, image, /plugin-runner\.conf/);
});
