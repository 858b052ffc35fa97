import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../../interop/scene.js';
import { createLan } from '../../support/namespace.js';
import { clientSection, ownImage } from '../images.js';
import { boot } from '../machine.js';
import { assertInterfacesAsBefore, assertReport, lanWithServer, LIMIT } from '../scene.js';

/** Interfaces are called eth0, eth1, …: what is configured in these tests is about them. */
const OLD_NAMES = 'net.ifnames=0';
const HOOKS = '/usr/share/doc/mandos-ts-client/examples/network-hooks.d';

test('a machine with two interfaces finds the server on the second', LIMIT, async t => {
  const image = await ownImage();
  const { lan } = await lanWithServer(t, image, { segments: 2, segment: 1 });
  const machine = await boot(t, lan, image, { segments: [0, 1] });
  await machine.waitForRoot();
  assertReport(machine.report());
  assertInterfacesAsBefore(machine.report(), 2);
});

test('a machine finds a server that is started 20 seconds after its prompt', LIMIT, async t => {
  const image = await ownImage();
  const lan = await createLan(t);
  const host = await lan.host('server');
  const machine = await boot(t, lan, image);
  await machine.waitForPrompt();
  await sleep(20_000);
  await serve('ours', host, clientSection(image), { avahi: true });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('mandos=connect: with a static ip= leads to a server that is not announced', LIMIT, async t => {
  const image = await ownImage();
  const lan = await createLan(t);
  const host = await lan.host('server', { addresses: { 0: ['192.0.2.1/24'] } });
  // The host has a network of its own, so any port is free.
  const port = 4711;
  await serve('ours', host, clientSection(image), { args: ['--no-zeroconf', `--port=${port}`] });
  const machine = await boot(t, lan, image, {
    append: `${OLD_NAMES} mandos=connect:192.0.2.1:${port} ip=192.0.2.2::192.0.2.1:255.255.255.0:machine:eth0:off`,
  });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('the bridge hook makes a bridge for the client, and takes it away again', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-bridge',
    configure: `
      cp -a ${HOOKS}/bridge ${HOOKS}/functions.sh /etc/mandos/network-hooks.d/
      printf 'BRIDGE=br0\\nPORT_ADDRESSES=eth0\\n' >/etc/mandos/network-hooks.d/bridge.conf
      echo '--options-for=mandos-client:--interface=br0' >>/etc/mandos/plugin-runner.conf`,
  });
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { append: OLD_NAMES });
  await machine.console.waitFor(/server.*br0/);
  await machine.waitForRoot();
  assertReport(machine.report());
  assertInterfacesAsBefore(machine.report());
});

test('the VLAN hook makes a VLAN for the client, and takes it away again', LIMIT, async t => {
  const image = await ownImage({
    name: 'own-vlan',
    configure: `
      cp -a ${HOOKS}/vlan ${HOOKS}/functions.sh /etc/mandos/network-hooks.d/
      printf 'NAME=eth0.5\\nPARENT=eth0\\nID=5\\n' >/etc/mandos/network-hooks.d/vlan.conf`,
  });
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { append: OLD_NAMES, vlan: 5 });
  await machine.console.waitFor(/server.*eth0\.5/);
  await machine.waitForRoot();
  assertReport(machine.report());
  assertInterfacesAsBefore(machine.report());
});
