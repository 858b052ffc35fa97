import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readImage } from '../../../client-plugin/check/image/read-image.js';
import type { Image } from '../../../client-plugin/check/image/read-image.js';
import { hashOf } from '../../../client-plugin/check/host-files.js';
import { MandosError } from '../../../common/errors.js';
import { scratchDirectory } from '../../support/loopback.js';
import { pick, seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';
import { archive, compress, DIRECTORY, LINK, packTree } from './archive.js';
import type { Entry } from './archive.js';
import { elfFile } from './elf-file.js';

function write(t: TestContext, bytes: Buffer): string {
  const file = join(scratchDirectory(t), 'initrd.img');
  writeFileSync(file, bytes);
  return file;
}

const read = (t: TestContext, bytes: Buffer): Promise<Image> => readImage(write(t, bytes));

async function faultOf(t: TestContext, bytes: Buffer): Promise<string> {
  const outcome = await read(t, bytes).catch((error: unknown) => error);
  assert.ok(outcome instanceof MandosError && outcome.code === 'IMAGE', String(outcome));
  return outcome.message;
}

/** A small tree with all kinds of files. */
function makeTree(t: TestContext): string {
  const tree = scratchDirectory(t);
  for (const directory of ['usr', 'usr/lib', 'usr/bin', 'cryptroot']) mkdirSync(join(tree, directory));
  symlinkSync('usr/lib', join(tree, 'lib'));
  writeFileSync(join(tree, 'usr/bin/tool'), elfFile({ needed: ['libc.so.6'] }));
  chmodSync(join(tree, 'usr/bin/tool'), 0o755);
  writeFileSync(join(tree, 'usr/lib/big'), Buffer.alloc(700_000, 'x'));
  writeFileSync(join(tree, 'usr/lib/empty'), '');
  linkSync(join(tree, 'usr/bin/tool'), join(tree, 'usr/bin/tool2'));
  writeFileSync(join(tree, 'cryptroot/crypttab'), 'root UUID=1 none luks\n');
  return tree;
}

function assertTree({ tree, lost }: Image): void {
  assert.deepEqual(lost, []);
  assert.deepEqual(tree.list(''), ['cryptroot', 'lib', 'usr']);
  for (const name of ['tool', 'tool2']) {
    assert.deepEqual(tree.file(`usr/bin/${name}`)?.elf?.needed, ['libc.so.6'], name);
    assert.equal(tree.file(`usr/bin/${name}`)?.mode, 0o755);
  }
  assert.equal(tree.file('/lib/big')?.sha256, hashOf(Buffer.alloc(700_000, 'x')));
  assert.equal(tree.file('lib/empty')?.sha256, hashOf(Buffer.alloc(0)));
  assert.equal(tree.file('lib/big')?.content, undefined);
  assert.equal(tree.file('cryptroot/crypttab')?.content?.toString(), 'root UUID=1 none luks\n');
}

const COMPRESSORS = [
  ['gzip', '-c'],
  ['zstd', '-qc', '-19'],
  ['xz', '-c', '--check=crc32'],
  ['xz', '-c', '--format=lzma'],
  ['lz4', '-cl'],
  ['lz4', '-c'],
  ['bzip2', '-c'],
  ['lzop', '-c'],
] as const;

for (const words of COMPRESSORS) {
  const needs = words[0] === 'gzip' ? requires('cpio') : requires('cpio', words[0]);
  test(`an image made by cpio and "${words.join(' ')}" is read, and its damage is found`, needs, async t => {
    const packed = compress(words, packTree(makeTree(t)));
    assertTree(await read(t, packed));
    assert.match(await faultOf(t, packed.subarray(0, -20)), /cut off|no archive goes on/);
  });
}

test(
  'archives before the compressed one are read as well, whatever zeros are between',
  requires('cpio'),
  async t => {
    const early = archive([
      { name: 'kernel', mode: DIRECTORY },
      { name: 'kernel/microcode.bin', content: 'new' },
    ]);
    const main = packTree(makeTree(t));
    for (const zeros of [0, 512, 3_000]) {
      const image = await read(
        t,
        Buffer.concat([early, Buffer.alloc(zeros), gzipSync(main), gzipSync(early)]),
      );
      assert.equal(image.tree.file('kernel/microcode.bin')?.sha256, hashOf(Buffer.from('new')));
      assert.equal(image.tree.file('usr/lib/empty')?.size, 0);
    }
    const plain = await read(t, Buffer.concat([early, main, Buffer.alloc(512)]));
    assert.deepEqual(plain.tree.list(''), ['cryptroot', 'kernel', 'lib', 'usr']);
  },
);

test('of two entries with one name the last counts, as for the kernel', async t => {
  const entries: Entry[] = [
    { name: 'a', content: 'old' },
    { name: './a', content: 'new' },
    { name: '/a', content: 'newest' },
  ];
  assert.equal((await read(t, archive(entries))).tree.file('a')?.sha256, hashOf(Buffer.from('newest')));
});

test('links are followed within the image, and loops lead nowhere', async t => {
  const { tree, lost } = await read(
    t,
    archive([
      { name: 'etc', mode: DIRECTORY },
      { name: 'etc/passwd', content: 'inside' },
      { name: 'out', mode: LINK, content: '../../../etc/passwd' },
      { name: 'absolute', mode: LINK, content: '/etc' },
      { name: 'etc/alias', mode: LINK, content: '/etc/passwd' },
      { name: 'one', mode: LINK, content: 'two' },
      { name: 'two', mode: LINK, content: 'one' },
      { name: 'self', mode: LINK, content: 'self/self/self' },
      { name: '../../etc/shadow', content: 'inside too' },
      { name: 'absolute/group', content: 'through a link' },
      { name: 'one/file', content: 'nowhere' },
      { name: 'absent/file', content: 'nowhere' },
    ]),
  );
  assert.equal(tree.file('out')?.path, 'etc/passwd');
  assert.equal(tree.file('absolute/passwd')?.path, 'etc/passwd');
  assert.deepEqual(tree.list('absolute'), ['alias', 'group', 'passwd', 'shadow']);
  assert.equal(tree.file('etc/alias')?.path, 'etc/passwd');
  for (const path of ['one', 'two', 'self', 'one/file']) assert.equal(tree.resolve(path), undefined, path);
  assert.deepEqual(lost, ['one/file', 'absent/file']);
});

test('an archive that says what cannot be is refused', async t => {
  const file = (announced: Entry['announced']) =>
    archive([
      { name: 'cryptroot', mode: DIRECTORY },
      { name: 'cryptroot/crypttab', content: 'x', ...(announced && { announced }) },
    ]);
  assert.match(
    await faultOf(t, file({ size: 0xffffffff })),
    /is cut off within "cryptroot\/crypttab" \(at byte \d+/,
  );
  assert.match(await faultOf(t, file({ nameBytes: 0xffffffff })), /a file name of 4294967295 bytes/);
  assert.match(await faultOf(t, file({ nameBytes: 0 })), /a file name of 0 bytes/);
  assert.match(await faultOf(t, file({ nameBytes: 5 })), /a file name does not end where it should/);
  assert.match(await faultOf(t, file({ size: 200 })), /no cpio header|cut off/);
  const program = archive([{ name: 'program', content: elfFile({}), announced: { size: 200_000_000 } }]);
  assert.match(await faultOf(t, program), /is cut off within "program"/);
});

test('what is no image is said to be none', async t => {
  assert.match(await faultOf(t, Buffer.alloc(0)), /is empty/);
  assert.match(await faultOf(t, Buffer.alloc(5000)), /is nothing but zeros/);
  assert.match(
    await faultOf(t, Buffer.from('hello, world')),
    /is not an initramfs image: it begins with 68656c6c6f2c/,
  );
  assert.match(await faultOf(t, Buffer.from('0707')), /cut off/);
  assert.match(await faultOf(t, Buffer.from('070707 old cpio '.repeat(20))), /no cpio header/);
  assert.match(await faultOf(t, gzipSync('hello')), /no archive goes on/);
  assert.match(await faultOf(t, gzipSync('')), /has nothing/);
  const whole = archive([{ name: 'a', content: 'x'.repeat(500) }]);
  assert.match(await faultOf(t, gzipSync(whole.subarray(0, 300))), /is cut off within "a"/);
  const behind = Buffer.concat([archive([{ name: 'a' }]), Buffer.from('MZ something')]);
  assert.match(await faultOf(t, behind), /at byte \d+ it goes on with 4d5a/);
  await assert.rejects(readImage('/nonexistent/initrd'), { code: 'IMAGE', message: /no such file/ });
  await assert.rejects(readImage('/'), { code: 'IMAGE', message: /not a regular file/ });
});

test('a program that is not installed is said by its name', requires('zstd'), async t => {
  const packed = compress(['zstd', '-qc'], archive([{ name: 'a' }]));
  const { PATH } = process.env;
  process.env['PATH'] = '/nonexistent';
  t.after(() => (process.env['PATH'] = PATH));
  assert.match(await faultOf(t, packed), /cannot be unpacked: the command zstd is not installed/);
});

test('more files than any image has are refused, and so is what gets too large', async t => {
  const many = gzipSync(archive(Array.from({ length: 200_001 }, () => ({ name: 'same' }))));
  assert.match(await faultOf(t, many), /has more than 200000 files/);
  const nested = Array.from({ length: 70 }, (_, i) => ({ name: 'd/'.repeat(i + 1), mode: DIRECTORY }));
  assert.equal((await read(t, archive(nested))).lost.length, 6);
  const large = write(t, gzipSync(archive([{ name: 'a', content: Buffer.alloc(2_000_000) }])));
  assert.equal((await readImage(large)).tree.file('a')?.size, 2_000_000);
  await assert.rejects(readImage(large, 1_000_000), { message: /larger than 1000000 bytes when unpacked/ });
});

test('however an image is damaged, it is read or refused', requires('zstd'), async t => {
  const random = seededRandom(7);
  const entries: Entry[] = [
    { name: 'lib', mode: DIRECTORY },
    { name: 'lib/a.so', content: elfFile({ needed: ['b.so'], buildId: '00ff' }) },
    { name: 'link', mode: LINK, content: 'lib/a.so' },
    { name: 'twice', links: 2, inode: 70 },
    { name: 'again', links: 2, inode: 70, content: 'x'.repeat(100) },
    { name: 'cryptroot', mode: DIRECTORY },
    { name: 'cryptroot/crypttab', content: 'root /dev/sda none luks' },
  ];
  const plain = archive(entries);
  const forms = [plain, Buffer.concat([plain, gzipSync(plain)]), gzipSync(plain)] as const;
  const file = write(t, plain);
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < 4_000; i++) {
    const whole = i % 200 === 0 ? compress(['zstd', '-qc'], plain) : pick(random, [...forms]);
    const end = random() < 0.3 ? Math.floor(random() * whole.length) : whole.length;
    const damaged = Buffer.from(whole.subarray(0, end));
    for (let n = Math.floor(random() * 4); n > 0 && damaged.length > 0; n--) {
      damaged[Math.floor(random() * damaged.length)] = pick(random, [
        0,
        0x30,
        0x66,
        0xff,
        Math.floor(random() * 256),
      ]);
    }
    writeFileSync(file, damaged);
    try {
      const { tree } = await readImage(file);
      for (const { path } of tree.all()) tree.resolve(path);
      outcomes.read++;
    } catch (error) {
      assert.ok(error instanceof MandosError && error.code === 'IMAGE', `${i}: ${String(error)}`);
      outcomes.refused++;
    }
  }
  assert.ok(outcomes.read > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
});
