import type { ConfigFault } from '../../common/config-fault.js';
import { sortFaults } from '../../common/config-fault.js';
import { DEFAULT_SECTION } from '../../common/config-file.js';
import { listed } from '../../common/listed.js';

/** Faults without repetition: what is wrong in [DEFAULT] is wrong for every client that inherits it. */
export class FaultList {
  readonly #faults = new Map<string, { fault: ConfigFault; clients: string[] }>();

  /** @param client for whom it was found */
  add(fault: ConfigFault, client?: string): void {
    const id = JSON.stringify([fault.file, fault.line, fault.key, fault.message]);
    const clients = this.#faults.get(id)?.clients ?? [];
    if (client !== undefined) clients.push(client);
    this.#faults.set(id, { fault, clients });
  }

  /**
   * The faults in order. One in [DEFAULT] that not all heirs of it have says whose it is.
   * @param heirs how many clients inherit from [DEFAULT] of a file
   * @param files the order of the files
   */
  sorted(heirs: (file: string) => number, files: readonly string[]): ConfigFault[] {
    const faults = Array.from(this.#faults.values(), ({ fault, clients }) => {
      const some = fault.section === DEFAULT_SECTION && clients.length < heirs(fault.file);
      return some ? { ...fault, message: `${fault.message}${concerning(clients)}` } : fault;
    });
    return sortFaults(faults, files);
  }
}

/** Clients that a fault names; the first few show what they have in common. */
const NAMED_CLIENTS = 3;

function concerning(clients: readonly string[]): string {
  if (clients.length === 0) return '';
  const names = clients.map(name => `[${name}]`);
  return ` (for ${listed(names, NAMED_CLIENTS)})`;
}
