import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { MandosError } from './errors.js';
import { EPOLLIN, EventPoll } from './libc-epoll.js';
import { openPipe } from './libc-pipe.js';
import { closeDescriptor } from './libc-tcp.js';
import { declare, failed, SystemCallError } from './libc.js';

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
  /** Also its process group's. */
  readonly pid: number;
  /** Settles when it has ended, in the turn of the event loop in which its number becomes free. Never rejects. */
  readonly exit: Promise<ProcessExit>;
}

export interface SessionOptions {
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Descriptors for its standard input, output and error, which stay the caller's; /dev/null where there is none. */
  readonly stdio?: readonly (number | undefined)[];
}

/**
 * Starts a program in a session of its own, with `/` as its directory, and signals as usual.
 *
 * node:child_process does the same with fork(2), which copies the page tables of this process: 5 ms with 200 MB, 11 ms
 * with 600 MB, in which nothing else goes on. posix_spawn(3) copies none. It needs pidfd_open(2): Linux 5.3.
 * @param file looked up in PATH
 * @throws SystemCallError ENOENT, EACCES: no such program; EAGAIN, EMFILE, ENOMEM: too many processes or files, no memory.
 *   MandosError SYSTEM_CALL for arguments that cannot be passed on
 */
export function spawnSession(
  file: string,
  args: readonly string[],
  { env = process.env, stdio = [] }: SessionOptions = {},
): SessionProcess {
  if (args.some(arg => arg.includes('\0')))
    throw new MandosError('SYSTEM_CALL', `an argument of ${file} has a NUL character`);
  const pid = spawn(file, args, env, stdio);
  return { pid, exit: watchExit(pid) };
}

/** As spawnSession, with what it says on both outputs to be read. */
export function spawnWithOutput(
  file: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
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
    const { pid, exit } = spawnSession(file, args, env ? { env, stdio } : { stdio });
    const reader = (fd: number) => {
      fds.splice(fds.indexOf(fd), 1);
      return new Socket({ fd, readable: true, writable: false });
    };
    return { pid, exit, stdout: reader(out.read), stderr: reader(err.read) };
  } finally {
    for (const fd of fds) closeDescriptor(fd);
  }
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
  env: NodeJS.ProcessEnv,
  stdio: readonly (number | undefined)[],
): number {
  const actions = Buffer.alloc(STRUCT_BYTES);
  actionsInit(actions);
  try {
    for (const target of STDIO) {
      const fd = stdio[target];
      if (fd === undefined) addOpen(actions, target, '/dev/null', O_RDWR, 0);
      else addDup2(actions, fd, target);
    }
    addChdir(actions, '/');
    const variables = Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : `${name}=${value}`,
    );
    const pid = Buffer.alloc(4);
    const argv = [file, ...args, null];
    const error = posixSpawnp(pid, file, actions, spawnAttributes(), argv, [...variables, null]);
    if (error !== 0) throw new SystemCallError(`spawn ${file}`, getSystemErrorName(-error));
    return pid.readInt32LE();
  } finally {
    actionsDestroy(actions);
  }
}

/** Of the processes that run; there is one as long as any does. */
let exits: { readonly poll: EventPoll; count: number } | undefined;

/** @throws SystemCallError when its end could not be noticed; then it is ended at once */
function watchExit(pid: number): Promise<ProcessExit> {
  const pidfd = Number(syscall(SYS_PIDFD_OPEN, 'int', pid, 'int', 0));
  try {
    if (pidfd < 0) throw failed('pidfd_open');
    return ended(pid, pidfd);
  } catch (error) {
    kill(-pid, SIGKILL);
    reap(pid);
    if (pidfd >= 0) closeDescriptor(pidfd);
    throw error;
  }
}

function ended(pid: number, pidfd: number): Promise<ProcessExit> {
  const watching = (exits ??= { poll: new EventPoll(), count: 0 });
  let settle!: (exit: ProcessExit) => void;
  watching.poll.add(pidfd, EPOLLIN, () => {
    watching.poll.remove(pidfd);
    closeDescriptor(pidfd);
    watching.count--;
    if (watching.count === 0) {
      watching.poll.close();
      exits = undefined;
    }
    settle(reap(pid));
  });
  watching.count++;
  return new Promise(resolve => (settle = resolve));
}

/** Waits for a process that has ended, or is about to, and frees its number. */
function reap(pid: number): ProcessExit {
  const bytes = Buffer.alloc(4);
  waitpid(pid, bytes, 0);
  // The encoding of wait(2).
  const value = bytes.readInt32LE();
  const signal = value & 0x7f;
  return signal === 0 ? { status: (value >> 8) & 0xff, signal: null } : { status: null, signal };
}
