/* A target with faults: what the engine does about them is tested. */
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = { covers: ['fuzz/targets/planted-reader.js'] };

export async function prepare(): Promise<Prepared> {
  const { readPlanted } = await import('./planted-reader.js');
  let executions = 0;
  return {
    run(input) {
      executions++;
      readPlanted(input.toString('latin1'));
    },
    close() {
      if (executions < 2) throw new Error('hardly anything was tried');
    },
  };
}
