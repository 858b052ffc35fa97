import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { PASSWORD } from '../image.js';
import { ownImage } from '../images.js';
import { boot } from '../machine.js';
import { assertInterfacesAsBefore, assertReport, lanWithServer, LIMIT } from '../scene.js';

test("our client with the original's server", LIMIT, async t => {
  const image = await ownImage();
  const { lan } = await lanWithServer(t, image, { program: 'original' });
  const machine = await boot(t, lan, image, { row: "this project, the original's server" });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('two volumes with one password are both unlocked', LIMIT, async t => {
  const image = await ownImage({ name: 'own-two-volumes', volumes: ['root', 'data'], configure: '' });
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image);
  await machine.waitForRoot();
  assertReport(machine.report(), ['root', 'data']);
});

test('mandos=off leaves the unlocking to the operator', LIMIT, async t => {
  const image = await ownImage();
  const { lan, server } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { append: 'mandos=off' });
  await machine.console.waitFor(/mandos=off/);
  await machine.waitForPrompt();
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
  assert.doesNotMatch(server.child.output, /sent its secret|connection from/i);
});

test("a plugin of the administrator's own gives the password", LIMIT, async t => {
  const image = await ownImage({
    name: 'own-plugin',
    configure: `
      printf '#!/bin/sh\\nprintf %%s "${PASSWORD}"\\n' >/etc/mandos/plugins.d/own-password
      chmod 755 /etc/mandos/plugins.d/own-password`,
  });
  const machine = await boot(t, await createLan(t), image);
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('a machine without a server unlocks with the password that is typed', LIMIT, async t => {
  const machine = await boot(t, await createLan(t), await ownImage());
  await machine.waitForPrompt();
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
  assertInterfacesAsBefore(machine.report());
});
