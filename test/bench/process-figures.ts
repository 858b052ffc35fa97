import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

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

export interface TreeProcess {
  readonly pid: number;
  /** As in ps -C: at most 15 characters. */
  readonly name: string;
}

/** A process and those that it, or one of them, has started. */
export function processTree(pid: number): TreeProcess[] {
  return (
    unlessEnded(() => {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
      const children = readdirSync(`/proc/${pid}/task`).flatMap(
        task =>
          unlessEnded(() =>
            readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
          ) ?? [],
      );
      return [{ pid, name }, ...children.flatMap(child => processTree(Number(child)))];
    }) ?? []
  );
}

/** Milliseconds of CPU that a server has used so far: all its processes, and those of them that have ended. */
export function treeCpuMs(pid: number): number {
  return processTree(pid)
    .map(({ pid: one }) => unlessEnded(() => cpuTime(one)))
    .reduce((sum, time) => sum + (time ? time.ownMs + time.childrenMs : 0), 0);
}

/** A process's resident memory now, and at most so far (proc(5), status). */
export function residentMb(pid: number): { nowMb: number; peakMb: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

export function descriptorCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * How many children of this name a process has, and their memory: what they share is divided among those that share it.
 * Without the name, one that is just being started would count with its parent's memory.
 */
export function childrenFigures(pid: number, name: string): { count: number; pssMb: number } {
  const pssKb = processTree(pid).flatMap(child => {
    if (child.name !== name) return [];
    const text = unlessEnded(() => readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8')) ?? '';
    const [, pss] = /^Pss:\s+(\d+) kB$/m.exec(text) ?? [];
    return pss === undefined ? [] : [Number(pss)];
  });
  return { count: pssKb.length, pssMb: pssKb.reduce((sum, kb) => sum + kb, 0) / 1024 };
}

/** Of a process that may end at any moment. */
export function unlessEnded<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ESRCH'].includes(code)) return undefined;
    throw error;
  }
}
