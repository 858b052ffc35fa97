import { readFileSync } from 'node:fs';
import { descriptorCount, processTree, treeCpuMs, unlessEnded } from '../bench/process-figures.js';

/** How often the memory is looked at. */
const SAMPLE_MS = 500;

/** A server's memory, whatever processes it is; what they share counts once. */
export function memoryMb(pid: number): number {
  const kb = processTree(pid).map(({ pid: one }) => {
    const text = unlessEnded(() => readFileSync(`/proc/${one}/smaps_rollup`, 'utf8')) ?? '';
    return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
  });
  return Math.round(kb.reduce((sum, one) => sum + one, 0) / 1024);
}

/** Open descriptors of a server's processes. */
export function descriptors(pid: number): number {
  const counts = processTree(pid).map(({ pid: one }) => unlessEnded(() => descriptorCount(one)) ?? 0);
  return counts.reduce((sum, one) => sum + one, 0);
}

export function processes(pid: number): number {
  return processTree(pid).length;
}

/** Follows a server's use of the machine until it is stopped. */
export class Watch {
  peakMb: number;
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly #startMs = performance.now();
  readonly #cpuMs: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#cpuMs = treeCpuMs(pid);
    this.peakMb = memoryMb(pid);
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
  }

  /** @returns how much of one processor it has used, in percent */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    const usedMs = treeCpuMs(this.#pid) - this.#cpuMs;
    return Math.round((100 * usedMs) / (performance.now() - this.#startMs));
  }

  #look(): void {
    this.peakMb = Math.max(this.peakMb, memoryMb(this.#pid));
  }
}
