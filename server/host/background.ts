import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { describeError, MandosError } from '../../common/errors.js';

/** Names the descriptor on which the child says that it is ready. */
export const BACKGROUND_VARIABLE = 'MANDOS_BACKGROUND_FD';
/** What it says there. */
export const READY = 'ready\n';
/** After standard input, output and error. */
export const FIRST_DESCRIPTOR = 3;
/** Of a process ended by a signal, as shells have it. */
const EXIT_SIGNAL = 128;

/**
 * Starts this program again in the background, in a session of its own, and waits until it is ready or has failed;
 * what it writes until then is written here. Node.js cannot fork, and a process with threads should not. When this
 * process ends before the other is ready, the other ends as well: see background-child.ts.
 *
 * This file imports nothing heavy, as it runs beside the server's start.
 * @param argv the arguments
 * @returns the exit status for this process: 0 when the other is ready, else the other's
 * @throws MandosError BACKGROUND when no process can be started
 */
export async function runInBackground(argv: readonly string[]): Promise<number> {
  const sockets = inheritedSockets();
  let readyFd = FIRST_DESCRIPTOR;
  while (sockets.includes(readyFd)) readyFd++;
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'pipe'];
  for (let fd = FIRST_DESCRIPTOR; fd <= Math.max(readyFd, ...sockets); fd++) {
    stdio.push(fd === readyFd ? 'pipe' : sockets.includes(fd) ? fd : 'ignore');
  }
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...argv], {
    detached: true,
    env: { ...process.env, [BACKGROUND_VARIABLE]: String(readyFd) },
    stdio,
  });
  return await outcome(child, child.stdio[readyFd] as Readable | null);
}

async function outcome(child: ChildProcess, report: Readable | null): Promise<number> {
  const { stdout, stderr } = child;
  if (!stdout || !stderr || !report) throw new MandosError('BACKGROUND', 'cannot make pipes');
  for (const [from, to] of [
    [stdout, process.stdout],
    [stderr, process.stderr],
  ] as const) {
    // Whoever reads it may be gone; that is no reason to fail.
    to.on('error', () => {});
    from.on('data', (chunk: Buffer) => to.write(chunk));
    from.on('error', () => {});
  }
  let said = '';
  report.on('data', (chunk: Buffer) => (said += chunk.toString()));
  report.on('error', () => {});

  const failed = new Promise<number>((resolve, reject) => {
    child.once('error', error =>
      reject(
        new MandosError('BACKGROUND', `cannot start in the background: ${describeError(error)}`, {
          cause: error,
        }),
      ),
    );
    child.once('close', (status, signal) =>
      resolve(status ?? EXIT_SIGNAL + (signal ? constants.signals[signal] : 0)),
    );
  });
  // The child lets go of its outputs before it says that it is ready, so their ends come with all that was written.
  const ready = Promise.all([stdout, stderr, report].map(ended)).then(async () =>
    said === READY ? 0 : await failed,
  );
  const status = await Promise.race([ready, failed]);
  child.unref();
  return status;
}

function ended(stream: Readable): Promise<void> {
  return new Promise(resolve => {
    stream.once('close', resolve);
    stream.once('end', () => stream.destroy());
  });
}

/** Sockets that this process was given, for --socket: the background process gets them at the same numbers. */
function inheritedSockets(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter(fd => fd >= FIRST_DESCRIPTOR && isSocket(fd));
}

function isSocket(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
  } catch {
    return false; // the one that listed the directory
  }
}
