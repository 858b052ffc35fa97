import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { useAddressesAtOnce } from '../../../client-plugin/network/optimistic-dad.js';

test('addresses are used at once until it is undone, and what cannot be set is left', t => {
  const directory = mkdtempSync(join(tmpdir(), 'conf-'));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'eth0.5'));
  const file = join(directory, 'eth0.5/optimistic_dad');
  writeFileSync(file, '0\n');
  const undo = useAddressesAtOnce('eth0.5', directory);
  assert.equal(readFileSync(file, 'utf8'), '1\n');
  undo();
  assert.equal(readFileSync(file, 'utf8'), '0\n');
  useAddressesAtOnce('eth1', directory)();
  const gone = useAddressesAtOnce('eth0.5', directory);
  rmSync(join(directory, 'eth0.5'), { recursive: true });
  gone();
});
