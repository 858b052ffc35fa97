import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The names of the device-mapper volumes that can be used now. /dev/mapper is not asked: udev changes names there, and
 * may be late.
 * @param sys where sysfs is
 */
export function openVolumes(sys = '/sys'): Set<string> {
  const directory = join(sys, 'block');
  const open = new Set<string>();
  for (const device of list(directory)) {
    if (!device.startsWith('dm-')) continue;
    try {
      // A mapping has its name before it has its table; until then its size is 0.
      if (read(join(directory, device, 'size')) === '0') continue;
      open.add(unmangle(read(join(directory, device, 'dm/name'))));
    } catch {
      // It has gone meanwhile.
    }
  }
  return open;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(file: string): string {
  return readFileSync(file, 'utf8').trimEnd();
}

/** libdevmapper writes `\x20` for what the kernel would take but udev would not (dmsetup(8), NAME MANGLING). */
function unmangle(name: string): string {
  if (!name.includes('\\x')) return name;
  const bytes = name.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
