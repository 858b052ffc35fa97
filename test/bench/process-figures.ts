import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/PID/stat (sysconf(3) _SC_CLK_TCK). */
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export interface CpuTime {
  /** Of the process itself. */
  readonly ownMs: number;
  /** Of the children that it has waited for. */
  readonly childrenMs: number;
}

/** What a process has used of the CPU (proc(5), stat). */
export function cpuTime(pid: number): CpuTime {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ms = (...places: number[]) =>
    (places.reduce((sum, place) => sum + Number(fields[place]), 0) * 1000) / TICKS_PER_SECOND;
  return { ownMs: ms(11, 12), childrenMs: ms(13, 14) };
}

/** A process's resident memory now, and at most so far (proc(5), status). */
export function residentMb(pid: number): { nowMb: number; peakMb: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

/**
 * How many children of this name a process has, and their memory: what they share is divided among those that share it.
 * Without the name, one that is just being started would count with its parent's memory.
 */
export function childrenFigures(pid: number, name: string): { count: number; pssMb: number } {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const pssKb = pids.flatMap(child => {
    try {
      if (readFileSync(`/proc/${child}/comm`, 'utf8').trimEnd() !== name) return [];
      const [, pss] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child}/smaps_rollup`, 'utf8')) ?? [];
      return pss === undefined ? [] : [Number(pss)];
    } catch {
      return []; // it has just ended
    }
  });
  return { count: pssKb.length, pssMb: pssKb.reduce((sum, kb) => sum + kb, 0) / 1024 };
}
