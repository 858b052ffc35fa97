import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { createLan } from '../../support/namespace.js';
import { lanWithTang, TANG_CLIENT_ADDRESS } from '../clevis.js';
import type { Image } from '../image.js';
import { PASSWORD } from '../image.js';
import { clevisImage, originalImage, ownImage, plainImage } from '../images.js';
import { boot } from '../machine.js';
import { record } from '../results.js';
import { assertReport, assertUnlocked, lanWithServer, LIMIT } from '../scene.js';

const execute = promisify(execFile);

/** Each boot is measured so often, in turns, so that what else the machine does meets all of them. */
const ROUNDS = 3;

const BOOTS: Record<string, (t: TestContext, row: string) => Promise<void>> = {
  'password typed': async (t, row) => {
    const machine = await boot(t, await createLan(t), await plainImage(), { row });
    await machine.waitForPrompt();
    machine.typePassword(PASSWORD);
    await machine.waitForRoot();
    assertUnlocked(machine.report());
  },
  'Mandos 1.8.16': async (t, row) => {
    const image = await originalImage();
    const { lan } = await lanWithServer(t, image, { program: 'original' });
    const machine = await boot(t, lan, image, { row });
    await machine.waitForRoot();
    assertUnlocked(machine.report());
  },
  'Clevis and Tang': async (t, row) => {
    const image = await clevisImage();
    const machine = await boot(t, await lanWithTang(t, image), image, { row, append: TANG_CLIENT_ADDRESS });
    await machine.waitForRoot();
    assertUnlocked(machine.report());
  },
  'this project': async (t, row) => {
    const image = await ownImage();
    const { lan } = await lanWithServer(t, image);
    const machine = await boot(t, lan, image, { row });
    await machine.waitForRoot();
    assertReport(machine.report());
  },
};

for (let round = 1; round <= ROUNDS; round++) {
  for (const [row, run] of Object.entries(BOOTS)) {
    test(`round ${round}: ${row}`, LIMIT, async t => await run(t, row));
  }
}

test("the original's client with our server", LIMIT, async t => {
  const image = await originalImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { row: 'Mandos 1.8.16, our server' });
  await machine.waitForRoot();
  assertUnlocked(machine.report());
});

test('a machine with 320 MB of memory unlocks itself', LIMIT, async t => {
  const image = await ownImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { row: 'this project, 320 MB', memoryMb: 320 });
  await machine.waitForRoot();
  assertReport(machine.report());
});

test('a machine with 256 MB of memory is tried', LIMIT, async t => {
  const image = await ownImage();
  const { lan } = await lanWithServer(t, image);
  const machine = await boot(t, lan, image, { row: 'this project, 256 MB', memoryMb: 256 });
  try {
    await machine.waitForRoot();
    record({ kind: 'note', text: 'a machine with 256 MB of memory unlocks itself' });
  } catch (error) {
    record({ kind: 'note', text: 'a machine with 256 MB of memory does NOT unlock itself' });
    t.diagnostic(String(error));
  }
});

test('sizes of the images', LIMIT, async () => {
  record({ kind: 'size', row: 'without Mandos', bytes: await smallestSize(await plainImage()) });
  record({ kind: 'size', row: 'Mandos 1.8.16', bytes: await smallestSize(await originalImage()) });
  record({ kind: 'size', row: 'this project', bytes: await smallestSize(await ownImage()) });
});

/** As with COMPRESS=zstd and COMPRESSLEVEL=19 in initramfs.conf(5). */
async function smallestSize(image: Image): Promise<number> {
  const script = 'set -o pipefail; zstd --decompress --stdout "$1" | zstd -19 --stdout | wc --bytes';
  const { stdout } = await execute('bash', ['-c', script, 'bash', join(image.directory, 'initrd')]);
  return Number(stdout);
}
