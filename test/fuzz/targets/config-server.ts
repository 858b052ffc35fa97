/* mandos.conf: server/options.ts. */
import { deepStrictEqual } from 'node:assert/strict';
import { memoryFiles } from '../../server/config/memory-files.js';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'common/config',
    'common/ip-address.js',
    'server/options.js',
    'server/config/',
    'common/tls/gnutls.js',
  ],
};

export async function prepare(): Promise<Prepared> {
  const { loadOptions } = await import('../../../server/options.js');
  const { formatFault } = await import('../../../common/config-fault.js');
  const { LIMIT_KEYS } = await import('../../../server/config/limits.js');
  const keys = Object.values(LIMIT_KEYS);
  return {
    seeds: keys.flatMap(key =>
      ['0', '5', '1.5', 'x'].map(value => Buffer.from(`[DEFAULT]\n${key} = ${value}\n`)),
    ),
    run(input) {
      const files = memoryFiles({ '/etc/mandos/mandos.conf': input });
      const load = () => loadOptions(new Map(), files);
      const { options, faults } = load();
      deepStrictEqual(load(), { options, faults }, 'reading twice gives the same');
      for (const fault of faults) {
        // oxlint-disable-next-line no-control-regex -- control characters are what this is about
        check(!/[\x00-\x1f\x7f]/.test(formatFault(fault)), 'a fault with control characters');
      }
      if (faults.some(({ severity }) => severity === 'error')) return;
      const { port = 0, serviceName, stateDirectory } = options;
      check(Number.isInteger(port) && port >= 0 && port <= 0xffff, `port ${port}`);
      check(Buffer.byteLength(serviceName) <= 63 && serviceName !== '', `service name ${serviceName}`);
      check(!stateDirectory.includes('\0'), 'a path with NUL');
    },
  };
}
