import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Program, RunningServer } from '../interop/scene.js';
import { serve } from '../interop/scene.js';
import { createLan } from '../support/namespace.js';
import type { Lan } from '../support/namespace.js';
import { hasCommand, requires } from '../support/requires.js';
import type { Image } from './image.js';
import { clientSection } from './images.js';

/** What every boot needs, and how long it may take: making a tree and an image, and a boot on an emulated processor. */
export const LIMIT = { ...needs(), timeout: 1_200_000 };

function needs(): { skip?: string } {
  const missing = ['qemu-system-x86_64', 'debootstrap', 'cryptsetup', 'mke2fs'].filter(
    name => !hasCommand(name),
  );
  if (process.env['CI'] !== 'true' && missing.length > 0) return { skip: `needs ${missing.join(', ')}` };
  return requires('root', 'netns', 'dbus', 'avahi', 'mandos');
}

/** A lan with a server's host on it, whose server knows the image's machine. */
export async function lanWithServer(
  t: TestContext,
  image: Image,
  options: { program?: Program; segments?: number; segment?: number; further?: string } = {},
): Promise<{ lan: Lan; server: RunningServer }> {
  const lan = await createLan(t, { segments: options.segments ?? 1 });
  const host = await lan.host('server', { segments: [options.segment ?? 0] });
  const section = clientSection(image, options.further);
  // Through Avahi, as on a server that is installed.
  const server = await serve(options.program ?? 'ours', host, section, { avahi: true });
  return { lan, server };
}

/** Asserts that the machine's own init found the root, and these volumes open. */
export function assertUnlocked(report: readonly string[], volumes: readonly string[] = ['root']): void {
  assert.ok(report.includes('root is mounted: root'), report.join('\n'));
  for (const volume of volumes) assert.ok(report.includes(`volume ${volume}`), report.join('\n'));
}

/** The same, and that nothing of this project's client is left. */
export function assertReport(report: readonly string[], volumes: readonly string[] = ['root']): void {
  assertUnlocked(report, volumes);
  const all = report.join('\n');
  assert.ok(!report.some(line => line.startsWith('process ')), all);
  // As the kernel was told: the client lowers it for a while.
  assert.ok(
    report.some(line => line.startsWith('kernel messages 1\t')),
    all,
  );
}

/** Asserts that every network card is down again, and nothing else than cards is there. */
export function assertInterfacesAsBefore(report: readonly string[], cards = 1): void {
  const interfaces = report.filter(line => /^interface (?!lo )/.test(line));
  assert.equal(interfaces.length, cards, report.join('\n'));
  for (const line of interfaces) {
    const flags = Number(/flags (\w+)/.exec(line)?.[1]);
    assert.equal(flags & IFF_UP, 0, report.join('\n'));
  }
}

/** Of netdevice(7). */
const IFF_UP = 1;
