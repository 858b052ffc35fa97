import { readFileSync } from 'node:fs';

/** Units of the times in /proc/PID/stat, in a second: USER_HZ, the same on all architectures of Debian. */
const TICKS_PER_SECOND = 100;

/** When a process was started, in milliseconds since the epoch, to a second; undefined when that cannot be told. */
export function processStartMs(pid: number): number | undefined {
  try {
    // proc_pid_stat(5): the name, in parentheses, may have blanks and parentheses in it; starttime is field 22.
    const [, fields = ''] = /\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    const ticks = Number(fields.split(' ')[22 - 3]);
    const [, bootSeconds] = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1')) ?? [];
    const startMs = (Number(bootSeconds) + ticks / TICKS_PER_SECOND) * 1000;
    return Number.isFinite(startMs) ? startMs : undefined;
  } catch {
    return undefined;
  }
}
