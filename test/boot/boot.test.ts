import { test } from 'node:test';
import { PASSWORD } from './image.js';
import { ownImage } from './images.js';
import { boot } from './machine.js';
import { assertInterfacesAsBefore, assertReport, lanWithServer, LIMIT } from './scene.js';

// The short form: what `npm test` has. All other boots: npm run test:boot.

test(
  'a machine unlocks itself over link-local addresses, with a server found by Zeroconf',
  LIMIT,
  async t => {
    const image = await ownImage();
    const { lan } = await lanWithServer(t, image);
    const machine = await boot(t, lan, image, { row: 'this project' });
    await machine.console.waitFor(/found server/);
    await machine.waitForRoot();
    assertReport(machine.report());
    assertInterfacesAsBefore(machine.report());
  },
);

test(
  'a machine whose server refuses it says so, and unlocks with the password that is typed',
  LIMIT,
  async t => {
    const image = await ownImage();
    const { lan } = await lanWithServer(t, image, { further: 'enabled = no\n' });
    const machine = await boot(t, lan, image);
    await machine.console.waitFor(/refused/);
    machine.typePassword(PASSWORD);
    await machine.waitForRoot();
    assertReport(machine.report());
    assertInterfacesAsBefore(machine.report());
  },
);
