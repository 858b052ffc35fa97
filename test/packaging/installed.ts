import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { TestContext } from 'node:test';
import { Chroot } from './chroot.js';
import type { Packages } from './packages.js';

/** With packages to install, and with a program in the place of update-initramfs that only says what it is asked. */
export async function startChroot(t: TestContext, unit?: string): Promise<Chroot> {
  const chroot = await Chroot.start(unit);
  t.after(() => chroot.stop());
  await chroot.ok(`
    dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs
    printf '#!/bin/sh\\necho "image: $*"\\n' >/usr/sbin/update-initramfs
    chmod 755 /usr/sbin/update-initramfs`);
  return chroot;
}

/** The command that installs some of them as an administrator would, with nobody to answer questions. */
export function install(chroot: Chroot, from: Packages | undefined, ...names: (keyof Packages)[]): string {
  assert.ok(from);
  for (const name of names) copyFileSync(from[name], chroot.path(`/root/${basename(from[name])}`));
  return `apt-get -qy --no-install-recommends install ${names.map(name => `/root/${basename(from[name])}`).join(' ')} </dev/null`;
}

/** Whether clients are enabled, by name, as mandos-ctl of the installed package says. */
export async function enabled(chroot: Chroot): Promise<Record<string, boolean>> {
  await chroot.ok('for i in $(seq 100); do mandos-ctl >/dev/null 2>&1 && exit; sleep 0.1; done; mandos-ctl');
  const all = JSON.parse(await chroot.ok('mandos-ctl --dump-json')) as Record<string, { Enabled: boolean }>;
  return Object.fromEntries(Object.entries(all).map(([name, { Enabled }]) => [name, Enabled]));
}
