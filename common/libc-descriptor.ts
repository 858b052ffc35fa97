import { declare, failed } from './libc.js';

const F_SETFD = 2;
const FD_CLOEXEC = 1;
// fcntl(2) is variadic, which some machines' calling conventions tell apart; the value follows its type's name.
const fcntl = declare<(fd: number, command: number, type: 'int', value: number) => number>(
  'int fcntl(int fd, int command, ...)',
);

/** Lets programs that this process starts not inherit an open file (FD_CLOEXEC of fcntl(2)). */
export function closeOnExec(fd: number): void {
  if (fcntl(fd, F_SETFD, 'int', FD_CLOEXEC) !== 0) throw failed('FD_CLOEXEC');
}
