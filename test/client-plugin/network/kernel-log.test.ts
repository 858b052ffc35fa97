import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { quietKernelLog } from '../../../client-plugin/network/kernel-log.js';
import { scratchDirectory } from '../../support/loopback.js';

test("the kernel's log level is lowered, and is what it was afterwards", t => {
  const file = join(scratchDirectory(t), 'printk');
  writeFileSync(file, '7\t4\t1\t7\n');
  const restore = quietKernelLog(file);
  assert.equal(readFileSync(file, 'utf8'), '5\n');
  restore();
  assert.equal(readFileSync(file, 'utf8'), '7\n');
});

test('a level that is low enough stays, as does one that somebody else has set', t => {
  const file = join(scratchDirectory(t), 'printk');
  writeFileSync(file, '4\t4\t1\t7\n');
  quietKernelLog(file)();
  assert.equal(readFileSync(file, 'utf8'), '4\t4\t1\t7\n');
  writeFileSync(file, '7\t4\t1\t7\n');
  const restore = quietKernelLog(file);
  writeFileSync(file, '8\t4\t1\t7\n');
  restore();
  assert.equal(readFileSync(file, 'utf8'), '8\t4\t1\t7\n');
});

test('where the level cannot be read or written, it is left alone', () => {
  quietKernelLog('/nonexistent/printk')();
});
