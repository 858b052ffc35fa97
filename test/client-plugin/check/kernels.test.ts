import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostFiles } from '../../../client-plugin/check/host-files.js';
import {
  compareReleases,
  findImages,
  findKernels,
  releaseOfImage,
} from '../../../client-plugin/check/kernels.js';
import { scratchDirectory } from '../../support/loopback.js';
import { put } from './scene.js';

test('kernels are ordered by their numbers', () => {
  const ordered = [
    '5.10.0-9-amd64',
    '5.10.0-10-amd64',
    '6.1~rc4-amd64',
    '6.1.0-2-amd64',
    '6.1.0-2-cloud-amd64',
    '6.1.0-50-amd64',
    '6.12.5+bpo-amd64',
  ];
  assert.deepEqual(ordered.toReversed().toSorted(compareReleases), ordered);
  for (const release of ordered) assert.equal(compareReleases(release, release), 0);
});

test('an image tells its kernel by its name, unless it is a copy that nobody boots', () => {
  for (const [file, release] of [
    ['/boot/initrd.img-6.1.0-50-amd64', '6.1.0-50-amd64'],
    ['initramfs-6.8.5-301.fc40.x86_64.img', '6.8.5-301.fc40.x86_64'],
    ['/boot/initrd-6.4.0', '6.4.0'],
    ['/tmp/image', undefined],
    ['/boot/initrd.img', undefined],
    ['/boot/initrd.img-6.1.0-50-amd64.dpkg-bak', undefined],
    ['/boot/initrd.img-6.1.0-50-amd64.new', undefined],
    ['/boot/initramfs-0-rescue-abc.img', undefined],
    ['/boot/initramfs-6.8.5kdump.img', undefined],
  ] as const)
    assert.equal(releaseOfImage(file), release, file);
});

test('images and kernels are found, the newest first', t => {
  const root = scratchDirectory(t);
  for (const name of [
    'vmlinuz-6.1.0-9-amd64',
    'vmlinuz-6.1.0-10-amd64',
    'initrd.img-6.1.0-9-amd64',
    'initramfs-6.1.0-10-amd64.img',
    'config-6.1.0-9-amd64',
  ])
    put(root, `boot/${name}`, '');
  const files = new HostFiles(root);
  assert.deepEqual(findKernels(files), ['6.1.0-10-amd64', '6.1.0-9-amd64']);
  assert.deepEqual(
    findImages(files).map(({ file }) => files.shown(file)),
    ['/boot/initramfs-6.1.0-10-amd64.img', '/boot/initrd.img-6.1.0-9-amd64'],
  );
});
