/* A target with faults: what the engine does about them is tested. */
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = { covers: ['fuzz/targets/planted-reader.js'] };

export async function prepare(): Promise<Prepared> {
  const { readPlanted } = await import('./planted-reader.js');
  return { run: input => void readPlanted(input.toString('latin1')) };
}
