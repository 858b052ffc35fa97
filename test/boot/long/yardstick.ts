import { test } from 'node:test';
import { PASSWORD } from '../image.js';
import { originalImage, plainImage } from '../images.js';
import { boot } from '../machine.js';
import { assertReport, lanWithServer, LIMIT } from '../scene.js';
import { createLan } from '../../support/namespace.js';

test('yardstick: a machine without Mandos, whose operator types the password', LIMIT, async t => {
  const machine = await boot(t, await createLan(t), await plainImage(), { row: 'password typed' });
  await machine.waitForPrompt();
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
});

test("yardstick: the original's client with the original's server", LIMIT, async t => {
  const image = await originalImage();
  const { lan } = await lanWithServer(t, image, { program: 'original' });
  const machine = await boot(t, lan, image, { row: 'Mandos 1.8.16' });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test("the original's client with our server", LIMIT, async t => {
  const image = await originalImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { row: 'Mandos 1.8.16, our server' });
  await machine.waitForRoot();
  assertReport(machine.report());
});
