import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { hasCryptsetupTree } from './cryptsetup-tree.js';
import { Initramfs } from './initramfs.js';

const NEEDS = {
  ...(hasCryptsetupTree() || process.env['CI'] === 'true' ? {} : { skip: 'needs cryptsetup-initramfs' }),
  ...requires('root', 'unshare', 'script'),
};

test('a volume that asks is given the password from the server, and the program ends', NEEDS, async t => {
  const machine = new Initramfs(t, { volumes: { root: 'correct' } });
  await machine.console.waitForOutput(/Please unlock disk root: /);
  machine.serve('correct');
  await machine.console.waitForOutput(/mandos: unlocked "root"/);
  await machine.console.waitForOutput(/unlock ended: 0/);
  assert.match(machine.console.output, /cryptroot ended: 0/);
  assert.match(machine.console.output, /effective user: 65534/);
});
