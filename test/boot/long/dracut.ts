import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { PASSWORD } from '../image.js';
import { dracutImage } from '../images.js';
import { boot } from '../machine.js';
import { assertReport, lanWithServer, LIMIT } from '../scene.js';

/** systemd needs more memory than initramfs-tools' shell. */
const MACHINE = { memoryMb: 768, append: 'systemd.show_status=1' };

test('a machine with dracut unlocks itself', LIMIT, async t => {
  const image = await dracutImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { ...MACHINE, row: 'this project, dracut' });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('a machine with dracut and without a server unlocks with the password that is typed', LIMIT, async t => {
  const machine = await boot(t, await createLan(t), await dracutImage(), MACHINE);
  await machine.waitForPrompt();
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('mandos=off leaves the unlocking to the operator with dracut too', LIMIT, async t => {
  const image = await dracutImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { ...MACHINE, append: `${MACHINE.append} mandos=off` });
  await machine.waitForPrompt();
  machine.typePassword(PASSWORD);
  await machine.waitForRoot();
  assertReport(machine.report());
});
