/* The state of a server of the original, as a pickle or as JSON: server/import. */
import { memoryFiles } from '../../server/config/memory-files.js';
import { settings } from '../../server/import/samples.js';
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

const FILE = '/clients.pickle';
const NOW_MS = Date.UTC(2026, 10, 21);

export const facts: TargetFacts = {
  covers: ['server/import/', 'server/client/'],
  limitBytes: 8192,
};

export async function prepare(): Promise<Prepared> {
  const { importState } = await import('../../../server/import/import-state.js');
  const { readOriginalState } = await import('../../../server/import/original-state.js');
  const { planImport } = await import('../../../server/import/plan.js');
  const { describeImport } = await import('../../../server/import/summary.js');
  const configured = [settings('client'), settings('c1')];
  const seed = {
    c1: {
      Name: 'c1',
      ApprovalDelay: 0,
      Checker: 'fping -q -- %(host)s',
      Created: '2026-11-21T10:00:01.234567',
      Enabled: true,
    },
  };
  return {
    seeds: [
      Buffer.from(JSON.stringify(seed)),
      Buffer.from('{}'),
      Buffer.from('\x80\x03}q\0}q\x01\x86q\x02.', 'latin1'),
    ],
    async run(input) {
      let state;
      try {
        state = readOriginalState(input);
      } catch {
        // What a person is told of it.
        const error: unknown = await importState(
          FILE,
          configured,
          memoryFiles({ [FILE]: input }),
          NOW_MS,
        ).then(
          () => new Error('it can be read now'),
          (thrown: unknown) => thrown,
        );
        expectFault(error, 'IMPORT_');
        return;
      }
      // Secrets would take 70 ms each.
      const { sealedSecrets: _, ...importable } = state;
      describeImport(FILE, planImport(configured, importable, NOW_MS));
    },
  };
}
