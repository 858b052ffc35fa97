import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A directory for each interface, with settings of ip-sysctl. */
const SETTINGS = '/proc/sys/net/ipv6/conf';

/**
 * Lets the addresses that an interface is about to get be used while it is still found out whether another host has
 * them (optimistic duplicate address detection, RFC 4429): a boot is not held up by the second or two which that takes.
 * @param name of an interface that is down
 * @returns puts the setting back; neither call ever throws
 */
export function useAddressesAtOnce(name: string, directory: string = SETTINGS): () => void {
  const file = join(directory, name, 'optimistic_dad');
  try {
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, '1\n');
    return () => {
      try {
        writeFileSync(file, before);
      } catch {
        // The interface is gone, and its settings with it.
      }
    };
  } catch {
    return () => {}; // No IPv6, a kernel without it, or not ours to write: addresses come later.
  }
}
