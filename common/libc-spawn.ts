import { spawn as forkProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { MandosError } from './errors.js';
import { EPOLLIN, EventPoll } from './libc-epoll.js';
import { openPipe } from './libc-pipe.js';
import { closeDescriptor } from './libc-tcp.js';
import { declare, failed, lastErrno, SystemCallError } from './libc.js';

/** Larger than `posix_spawn_file_actions_t` and `posix_spawnattr_t` are in the C library of any machine. */
const STRUCT_BYTES = 512;
/** `sigset_t`. */
const SIGNAL_SET_BYTES = 128;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const O_RDWR = 2;
/** The same on all machines. */
const SYS_PIDFD_OPEN = 434;
const SIGKILL = 9;
const STDIO = [0, 1, 2];
/** Of a shell whose command is not there (POSIX, sh, EXIT STATUS). */
const NOT_FOUND = 127;

const posixSpawnp = declare<
  (
    pid: Uint8Array,
    file: string,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: readonly (string | null)[],
    envp: readonly (string | null)[],
  ) => number
>(
  'int posix_spawnp(void *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)',
);
const actionsInit = declare<(actions: Uint8Array) => number>(
  'int posix_spawn_file_actions_init(void *actions)',
);
const actionsDestroy = declare<(actions: Uint8Array) => number>(
  'int posix_spawn_file_actions_destroy(void *actions)',
);
const addDup2 = declare<(actions: Uint8Array, from: number, to: number) => number>(
  'int posix_spawn_file_actions_adddup2(void *actions, int from, int to)',
);
const addOpen = declare<
  (actions: Uint8Array, fd: number, path: string, flags: number, mode: number) => number
>(
  'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)',
);
const addChdir = declare<(actions: Uint8Array, path: string) => number>(
  'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
);
const attributesInit = declare<(attributes: Uint8Array) => number>(
  'int posix_spawnattr_init(void *attributes)',
);
const setFlags = declare<(attributes: Uint8Array, flags: number) => number>(
  'int posix_spawnattr_setflags(void *attributes, short flags)',
);
const setSignalMask = declare<(attributes: Uint8Array, signals: Uint8Array) => number>(
  'int posix_spawnattr_setsigmask(void *attributes, void *signals)',
);
const setSignalDefault = declare<(attributes: Uint8Array, signals: Uint8Array) => number>(
  'int posix_spawnattr_setsigdefault(void *attributes, void *signals)',
);
const fillSignals = declare<(signals: Uint8Array) => number>('int sigfillset(void *signals)');
const waitpid = declare<(pid: number, status: Uint8Array, options: number) => number>(
  'int waitpid(int pid, void *status, int options)',
);
const kill = declare<(pid: number, signal: number) => number>('int kill(int pid, int signal)');
// syscall(2) is variadic, which some machines' calling conventions tell apart; each value follows its type's name.
const syscall = declare<
  (number: number, type: 'int', pid: number, type2: 'int', flags: number) => number | bigint
>('long syscall(long number, ...)');

/** How a process has ended: exactly one of both is set. */
export interface ProcessExit {
  readonly status: number | null;
  readonly signal: number | null;
}

/** A program in a session of its own. */
export interface SessionProcess {
  /** Also its process group's; undefined where it could not be started, and ends at once. */
  readonly pid: number | undefined;
  /** Settles when it has ended, in the turn of the event loop in which its number becomes free. Never rejects. */
  readonly exit: Promise<ProcessExit>;
}

export interface SessionOptions {
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Descriptors for its standard input, output and error, which stay the caller's; /dev/null where there is none. */
  readonly stdio?: readonly (number | undefined)[];
  /** Called when it has ended, while its number, and its group's, cannot be another's yet. */
  readonly onEnd?: (pid: number) => void;
}

/**
 * Starts a program in a session of its own, with `/` as its directory, and signals as usual.
 *
 * node:child_process does the same with fork(2), which copies the page tables of this process: 5 ms with 200 MB, 11 ms
 * with 600 MB, in which nothing else goes on. posix_spawn(3) copies none. Where a system does not have what that needs,
 * it is done as node:child_process does.
 * @param file looked up in the PATH of this process
 * @throws SystemCallError ENOENT, EACCES: no such program; EAGAIN, EMFILE, ENOMEM: too many processes or files, no memory.
 *   MandosError SYSTEM_CALL for a file that is no program, and arguments that cannot be passed on
 */
export function spawnSession(
  file: string,
  args: readonly string[],
  options: SessionOptions = {},
): SessionProcess {
  if (args.some(arg => arg.includes('\0')))
    throw new MandosError('SYSTEM_CALL', `an argument of ${file} has a NUL character`);
  if (!hasPosixSpawn()) return forkSession(file, args, options);
  const pid = spawn(file, args, options);
  return { pid, exit: watchExit(pid, options.onEnd) };
}

/** As spawnSession, with what it says on both outputs to be read. */
export function spawnWithOutput(
  file: string,
  args: readonly string[],
  options: Omit<SessionOptions, 'stdio'> = {},
): SessionProcess & { readonly stdout: Socket; readonly stderr: Socket } {
  const fds: number[] = [];
  const pipe = () => {
    const { read, write } = openPipe();
    fds.push(read, write);
    return { read, write };
  };
  try {
    const [out, err] = [pipe(), pipe()];
    const stdio = [undefined, out.write, err.write];
    const { pid, exit } = spawnSession(file, args, { ...options, stdio });
    const reader = (fd: number) => {
      fds.splice(fds.indexOf(fd), 1);
      return new Socket({ fd, readable: true, writable: false });
    };
    return { pid, exit, stdout: reader(out.read), stderr: reader(err.read) };
  } finally {
    for (const fd of fds) closeDescriptor(fd);
  }
}

let isThere: boolean | undefined;

/** Whether the system has posix_spawn_file_actions_addchdir_np(3), of glibc 2.29, and pidfd_open(2), of Linux 5.3. */
function hasPosixSpawn(): boolean {
  if (isThere !== undefined) return isThere;
  try {
    fileActions([]).free();
    const pidfd = pidfdOpen(process.pid);
    // EPERM: of a sandbox that does not know the call. What is said of descriptors or memory is said again later.
    if (pidfd < 0) return (isThere = !['ENOSYS', 'EPERM'].includes(lastErrno()));
    closeDescriptor(pidfd);
    return (isThere = true);
  } catch (error) {
    if (error instanceof SystemCallError) throw error;
    // koffi has not found the function.
    return (isThere = false);
  }
}

/** By node:child_process. @throws as spawnSession, but for a program that is not there: it ends with status 127 */
export function forkSession(
  file: string,
  args: readonly string[],
  { env = process.env, stdio = [], onEnd }: SessionOptions,
): SessionProcess {
  const child = forkProcess(file, args, {
    cwd: '/',
    detached: true,
    env,
    stdio: STDIO.map(target => stdio[target] ?? 'ignore'),
  });
  const { pid } = child;
  const exit = new Promise<ProcessExit>(resolve => {
    child.once('error', () => resolve({ status: NOT_FOUND, signal: null }));
    child.once('exit', (status, signal) => {
      if (pid !== undefined) onEnd?.(pid);
      resolve({ status, signal: signal === null ? null : constants.signals[signal] });
    });
  });
  return { pid, exit };
}

/** Made once: the flags, and every signal as it is in a new process. */
let attributes: Buffer | undefined;

function spawnAttributes(): Buffer {
  if (attributes) return attributes;
  const made = Buffer.alloc(STRUCT_BYTES);
  attributesInit(made);
  setFlags(made, SETSIGDEF | SETSIGMASK | SETSID);
  const all = Buffer.alloc(SIGNAL_SET_BYTES);
  fillSignals(all);
  setSignalDefault(made, all);
  setSignalMask(made, Buffer.alloc(SIGNAL_SET_BYTES));
  return (attributes = made);
}

function spawn(
  file: string,
  args: readonly string[],
  { env = process.env, stdio = [] }: SessionOptions,
): number {
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  );
  const pid = Buffer.alloc(4);
  const argv = [file, ...args, null];
  const actions = fileActions(stdio);
  const error = posixSpawnp(pid, file, actions.bytes, spawnAttributes(), argv, [...variables, null]);
  actions.free();
  if (error === constants.errno.ENOEXEC)
    throw new MandosError('SYSTEM_CALL', `${file} is not a program: it has no first line "#!"`);
  if (error !== 0) throw new SystemCallError(`spawn ${file}`, getSystemErrorName(-error));
  return pid.readInt32LE();
}

/** What the new process does before it becomes the program. @throws SystemCallError ENOMEM */
function fileActions(stdio: readonly (number | undefined)[]): { readonly bytes: Buffer; free(): void } {
  const bytes = Buffer.alloc(STRUCT_BYTES);
  const results = [actionsInit(bytes)];
  for (const target of STDIO) {
    const fd = stdio[target];
    results.push(
      fd === undefined ? addOpen(bytes, target, '/dev/null', O_RDWR, 0) : addDup2(bytes, fd, target),
    );
  }
  results.push(addChdir(bytes, '/'));
  const free = () => void actionsDestroy(bytes);
  const error = results.find(result => result !== 0);
  if (error !== undefined) {
    free();
    throw new SystemCallError('posix_spawn_file_actions', getSystemErrorName(-error));
  }
  return { bytes, free };
}

function pidfdOpen(pid: number): number {
  return Number(syscall(SYS_PIDFD_OPEN, 'int', pid, 'int', 0));
}

/** Of the processes that run; there is one as long as any does. */
let exits: { readonly poll: EventPoll; count: number } | undefined;

/** @throws SystemCallError when its end could not be noticed; then it is ended at once */
function watchExit(pid: number, onEnd: SessionOptions['onEnd']): Promise<ProcessExit> {
  const pidfd = pidfdOpen(pid);
  try {
    if (pidfd < 0) throw failed('pidfd_open');
    return ended(pid, pidfd, onEnd);
  } catch (error) {
    kill(-pid, SIGKILL);
    reap(pid);
    if (pidfd >= 0) closeDescriptor(pidfd);
    throw error;
  }
}

function ended(pid: number, pidfd: number, onEnd: SessionOptions['onEnd']): Promise<ProcessExit> {
  const watching = (exits ??= { poll: new EventPoll(), count: 0 });
  const closeIfUnused = () => {
    if (watching.count > 0) return;
    watching.poll.close();
    exits = undefined;
  };
  let settle!: (exit: ProcessExit) => void;
  const onReady = () => {
    watching.poll.remove(pidfd);
    closeDescriptor(pidfd);
    watching.count--;
    closeIfUnused();
    onEnd?.(pid);
    settle(reap(pid));
  };
  try {
    watching.poll.add(pidfd, EPOLLIN, onReady);
  } catch (error) {
    closeIfUnused();
    throw error;
  }
  watching.count++;
  return new Promise(resolve => (settle = resolve));
}

/** Waits for a process that has ended, or is about to, and frees its number. */
function reap(pid: number): ProcessExit {
  const bytes = Buffer.alloc(4);
  let result = waitpid(pid, bytes, 0);
  while (result < 0 && lastErrno() === 'EINTR') result = waitpid(pid, bytes, 0);
  // Another has taken its status. Nobody may take that for a success.
  if (result !== pid) return { status: null, signal: SIGKILL };
  // The encoding of wait(2).
  const value = bytes.readInt32LE();
  const signal = value & 0x7f;
  return signal === 0 ? { status: (value >> 8) & 0xff, signal: null } : { status: null, signal };
}
