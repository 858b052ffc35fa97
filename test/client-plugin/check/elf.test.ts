import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { test } from 'node:test';
import { bytesOf, readElf } from '../../../client-plugin/check/image/elf.js';
import { nodeVersionOf } from '../../../client-plugin/check/image/node-version.js';
import { MandosError } from '../../../common/errors.js';
import { pick, seededRandom } from '../../support/random.js';
import { elfFile } from './elf-file.js';

const PARTS = {
  needed: ['libc.so.6', 'libm.so.6'],
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  runPath: '$ORIGIN:/opt/lib',
  versions: ['liba.so.1', 'A_1.0', 'A_1.1'],
  buildId: '0123456789abcdef',
};

for (const bits of [64, 32] as const) {
  for (const bigEndian of [false, true]) {
    test(`a program of ${bits} bits, ${bigEndian ? 'big' : 'little'} endian, is read`, () => {
      assert.deepEqual(readElf(bytesOf(elfFile({ ...PARTS, bits, bigEndian, machine: 22 }))), {
        bits,
        machine: 22,
        needed: PARTS.needed,
        runPath: ['$ORIGIN', '/opt/lib'],
        interpreter: PARTS.interpreter,
        versions: PARTS.versions,
        buildId: PARTS.buildId,
      });
    });
  }
}

test('a program that is linked with nothing needs nothing', () => {
  const facts = readElf(bytesOf(elfFile({})));
  assert.deepEqual([facts.needed, facts.runPath, facts.versions], [[], [], []]);
  assert.deepEqual([facts.interpreter, facts.buildId], [undefined, undefined]);
});

test('the real node says its version and what it needs', () => {
  const node = readFileSync(process.execPath);
  const { needed, interpreter, bits } = readElf(bytesOf(node));
  assert.equal(bits, 64);
  assert.ok(interpreter !== undefined && realpathSync(interpreter) !== '');
  // ldd's lines of the libraries themselves and of those that they need.
  const loaded = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  assert.ok(needed.length > 3);
  for (const name of needed) assert.ok(loaded.includes(name), name);
  // One whose code is in a library has the version there.
  if (!needed.some(name => name.startsWith('libnode.so'))) {
    assert.equal(nodeVersionOf(node), process.versions.node);
  }
});

test('a version that stands by itself in the program is found as well', () => {
  assert.equal(nodeVersionOf(Buffer.from('x\0v8 engine\0v22.1.0\0y')), '22.1.0');
  assert.equal(nodeVersionOf(Buffer.from('\0v22.1\0v22.1.0-rc\0')), undefined);
});

test('a damaged ELF file is a fault, or is read, but never more', () => {
  const whole = elfFile(PARTS);
  const random = seededRandom(5);
  let faults = 0;
  for (let i = 0; i < 20_000; i++) {
    const damaged = Buffer.from(
      whole.subarray(0, random() < 0.3 ? Math.floor(random() * whole.length) : whole.length),
    );
    for (let n = 0; n < 4 && damaged.length > 0; n++) {
      const at = Math.floor(random() * damaged.length);
      damaged[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, Math.floor(random() * 256)]);
    }
    try {
      readElf(bytesOf(damaged));
    } catch (error) {
      assert.ok(error instanceof MandosError && error.code === 'ELF', `${i}: ${String(error)}`);
      faults++;
    }
  }
  assert.ok(faults > 1000);
});
