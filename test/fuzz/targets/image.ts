/* An initramfs image that mandos-initramfs check looks into: client-plugin/check/image. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { archive, DIRECTORY, LINK } from '../../client-plugin/check/archive.js';
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

/** Of what is unpacked. */
const LIMIT_BYTES = 16 * 1024 * 1024;

export const facts: TargetFacts = {
  covers: ['client-plugin/check/image/'],
  limitBytes: 8192,
  batch: 32,
};

export async function prepare(): Promise<Prepared> {
  const { readImage } = await import('../../../client-plugin/check/image/read-image.js');
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-image-'));
  const file = join(directory, 'initrd.img');
  const small = archive([
    { name: 'etc', mode: DIRECTORY },
    { name: 'etc/crypttab', content: 'root UUID=1 none luks\n' },
    { name: 'lib', content: 'usr/lib', mode: LINK },
    { name: 'conf/conf.d/mandos/x', content: 'text', links: 2, inode: 7 },
    { name: 'bin/sh', content: '\x7fELF\x02\x01\x01', mode: 0o100755 },
  ]);
  return {
    seeds: [small, Buffer.concat([small, small]), Buffer.concat([small, gzipSync(small)]), gzipSync(small)],
    async run(input) {
      writeFileSync(file, input);
      try {
        const { tree } = await readImage(file, LIMIT_BYTES);
        for (const path of ['/etc/crypttab', 'lib/x', '/', '', 'etc/../lib']) tree.resolve(path);
      } catch (error) {
        expectFault(error, 'IMAGE');
      }
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
