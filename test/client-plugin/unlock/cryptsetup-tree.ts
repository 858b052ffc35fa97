import { existsSync } from 'node:fs';

/**
 * Where Debian's packages cryptsetup and cryptsetup-initramfs are unpacked (the test runner does that, without
 * installing them: they would put themselves into this machine's initramfs).
 */
export function cryptsetupTree(): string {
  return process.env['CRYPTSETUP_TREE'] ?? '/var/cache/mandos-ts-test/cryptsetup';
}

export function hasCryptsetupTree(): boolean {
  return existsSync(`${cryptsetupTree()}/lib/cryptsetup/askpass`);
}
