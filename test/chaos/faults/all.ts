import { CLOCK_FAULTS } from './clock.js';
import { DISK_FAULTS } from './disk.js';
import { NETWORK_FAULTS } from './network.js';
import { PROCESS_FAULTS } from './processes.js';
import { SERVICE_FAULTS } from './services.js';

/** By family, in the order of the table. */
export const FAULTS = {
  network: NETWORK_FAULTS,
  services: SERVICE_FAULTS,
  disk: DISK_FAULTS,
  clock: CLOCK_FAULTS,
  processes: PROCESS_FAULTS,
} as const;
