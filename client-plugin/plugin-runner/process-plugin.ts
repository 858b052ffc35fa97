import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, fchownSync, openSync, readSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import { openPipe } from '../../common/libc-files.js';
import { PASSWORD_LIMIT_BYTES, PasswordPipe } from '../password-pipe.js';
import type { Privileges } from '../privileges.js';
import { isRoot } from '../privileges.js';

/** How long a plugin may take to tidy up after SIGTERM: another has the password, and the boot waits for it. */
const TERMINATION_LIMIT_MS = 2_000;

/** How long it is waited for after SIGKILL: one in a system call that does not return may never be gone. */
const KILL_LIMIT_MS = 1_000;

/** How to start a plugin that is a program of its own. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whom root starts it as. */
  readonly userId: number;
  readonly groupId: number;
}

/** What a plugin that is a process is watched with. */
export interface Watch {
  readonly privileges: Privileges;
  /** Ends the plugin: SIGTERM, and SIGKILL when that does not help. */
  readonly signal: AbortSignal;
  readonly started: (pid: number) => void;
}

/**
 * Runs a plugin as a process, with this one's standard input, standard error and working directory.
 * @returns what it has printed, when it has ended with status 0 and its output is closed
 * @throws MandosError PLUGIN_START, PLUGIN_STATUS, PLUGIN_SIGNAL, PLUGIN_OUTPUT; the signal's reason when that has
 * ended it; then the process is gone, unless SIGKILL does not end it
 */
export async function runProcess(command: Command, watch: Watch): Promise<Uint8Array> {
  const { privileges, signal, started } = watch;
  signal.throwIfAborted();
  const { child, read } = start(command, privileges);
  const send = (name: NodeJS.Signals) => privileges.asRoot(() => child.kill(name));
  const output = new PasswordPipe(read, () => send('SIGKILL'));
  let waiting: NodeJS.Timeout | undefined;
  let giveUp = () => {};
  const givenUp = new Promise<void>(resolve => {
    giveUp = resolve;
  });
  const abort = () => {
    // A grandchild that has the pipe too is not waited for.
    output.discard();
    send('SIGTERM');
    waiting = setTimeout(() => {
      send('SIGKILL');
      waiting = setTimeout(giveUp, KILL_LIMIT_MS);
    }, TERMINATION_LIMIT_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([ended(child, started), givenUp]);
    await output.closed;
    signal.throwIfAborted();
    return output.take();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!output.isTooLong) throw error;
    const text = `ended, since it printed more than ${PASSWORD_LIMIT_BYTES} bytes`;
    throw new MandosError('PLUGIN_OUTPUT', text, { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
    clearTimeout(waiting);
    output.discard();
  }
}

/** How a script begins, and a program (elf(5)). */
const MAGICS = [Buffer.from('#!'), Buffer.from('\x7fELF')];

/**
 * Refuses what the kernel does not run: spawn() would have a shell run it (execvp(3)), which makes a success with an
 * empty password of an empty file.
 */
function refuseOtherFiles(file: string): void {
  const head = Buffer.alloc(4);
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return; // It may be run without being read.
  }
  try {
    readSync(descriptor, head);
  } finally {
    closeSync(descriptor);
  }
  if (!MAGICS.some(magic => head.subarray(0, magic.length).equals(magic)))
    throw new MandosError('PLUGIN_START', 'it is neither a program nor a script with "#!"');
}

function start(command: Command, privileges: Privileges): { child: ChildProcess; read: number } {
  const { file, args, environment, userId, groupId } = command;
  const { read, write } = openPipe();
  try {
    const child = privileges.asRoot(() => {
      refuseOtherFiles(file);
      const ids = isRoot() ? { uid: userId, gid: groupId } : {};
      // A shell script that writes to /dev/stdout opens the pipe again, as the user that it runs as.
      if (ids.uid !== undefined) fchownSync(write, ids.uid, ids.gid);
      return spawn(file, args, { env: environment, stdio: ['inherit', write, 'inherit'], ...ids });
    });
    return { child, read };
  } catch (error) {
    closeSync(read);
    throw cannotStart(error);
  } finally {
    closeSync(write);
  }
}

/** Settles when the process is gone: rejects unless its status is 0. */
function ended(child: ChildProcess, started: (pid: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(cannotStart(error)));
    child.once('exit', (status, signal) => {
      if (status === 0) resolve();
      else if (signal) reject(new MandosError('PLUGIN_SIGNAL', `ended by ${signal}`));
      else reject(new MandosError('PLUGIN_STATUS', `ended with status ${status}`));
    });
    if (child.pid !== undefined) started(child.pid);
  });
}

function cannotStart(error: unknown): MandosError {
  return new MandosError('PLUGIN_START', `cannot be started: ${describeError(error)}`, { cause: error });
}
