import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { describeError } from '../../common/errors.js';
import { openPipe } from '../../common/libc-pipe.js';
import type { ProcessExit, SessionProcess } from '../../common/libc-spawn.js';
import { spawnSession } from '../../common/libc-spawn.js';
import { signalGroup } from '../../common/process-group.js';
import type { Alert } from './alert.js';

/** A hook that takes longer is ended: mail is queued and a webhook answers within seconds. */
const HOOK_LIMIT_MS = 30_000;
/** From SIGTERM to SIGKILL. */
const KILL_AFTER_MS = 100;
/** For its last words, when it has ended; what it has left in the background may hold the pipe. */
const DRAIN_MS = 100;
/** How much of a hook's output is kept for the log: an error message. */
const OUTPUT_KEPT_CHARS = 4_096;
/** How much is read of it; a hook that goes on writing gets SIGPIPE, and does not keep the server busy. */
const OUTPUT_LIMIT_CHARS = 1024 * 1024;

/** Hooks know nothing of how the server was started. */
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
};

export interface HookResult {
  /** Why it failed, for people; undefined when it has not. */
  readonly problem: string | undefined;
  /** What it wrote on standard output and standard error, as far as it is kept. */
  readonly output: readonly string[];
}

/**
 * Runs a hook: with the event's name as its argument, a line of JSON on standard input, `/` as its directory, little
 * environment and a session of its own. What it leaves in the background is left alone when it has ended.
 * @param stop ends it, with all its children
 * @returns when it has ended; never rejects
 */
export async function runHook(
  path: string,
  alert: Alert,
  stop: AbortSignal,
  limitMs = HOOK_LIMIT_MS,
): Promise<HookResult> {
  let ending: string | undefined;
  let started: StartedHook;
  try {
    started = start(path, alert, pid => {
      if (ending !== undefined) signalGroup({ pid }, 'SIGKILL');
    });
  } catch (error) {
    return { problem: `cannot be run: ${describeError(error)}`, output: [] };
  }
  const { child, input, output } = started;
  let killTimer: NodeJS.Timeout | undefined;
  const end = (why: string) => {
    if (ending !== undefined) return;
    ending = why;
    signalGroup(child, 'SIGTERM');
    killTimer = setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  };
  const onStop = () => end('the server stops');
  const limitTimer = setTimeout(() => end(`it did not end within ${limitMs / 1000} s`), limitMs);
  stop.addEventListener('abort', onStop);
  if (stop.aborted) onStop();

  const words = keepWords(output);
  const exit = await child.exit;
  clearTimeout(killTimer);
  const problem = ending ?? exitProblem(exit);
  clearTimeout(limitTimer);
  stop.removeEventListener('abort', onStop);
  input.destroy();
  return { problem, output: await words() };
}

interface StartedHook {
  readonly child: SessionProcess;
  readonly input: Socket;
  readonly output: Socket;
}

/** @throws what the system says */
function start(path: string, { event, members }: Alert, onEnd: (pid: number) => void): StartedHook {
  const fds: number[] = [];
  try {
    const toHook = openPipe();
    fds.push(toHook.read, toHook.write);
    const fromHook = openPipe();
    fds.push(fromHook.read, fromHook.write);
    const stdio = [toHook.read, fromHook.write, fromHook.write];
    const child = spawnSession(path, [event], { env: ENVIRONMENT, stdio, onEnd });
    const input = new Socket({ fd: toHook.write, readable: false, writable: true });
    const output = new Socket({ fd: fromHook.read, readable: true, writable: false });
    for (const fd of [toHook.read, fromHook.write]) closeSync(fd);
    // A hook need not read what it is given.
    input.on('error', () => {});
    input.end(`${JSON.stringify(members)}\n`);
    return { child, input, output };
  } catch (error) {
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

/** Reads an output. @returns waits for the end of it, but not for long, and gives the lines that were kept */
function keepWords(output: Socket): () => Promise<string[]> {
  let text = '';
  let readChars = 0;
  output.setEncoding('utf8');
  output.on('data', (chunk: string) => {
    text += chunk.slice(0, OUTPUT_KEPT_CHARS - text.length);
    readChars += chunk.length;
    if (readChars > OUTPUT_LIMIT_CHARS) output.destroy();
  });
  output.on('error', () => {});
  const closed = new Promise<void>(resolve => {
    output.once('close', resolve);
  });
  return async () => {
    const drainTimer = setTimeout(() => output.destroy(), DRAIN_MS);
    await closed;
    clearTimeout(drainTimer);
    return text.split('\n').filter(line => line.trim() !== '');
  };
}

function exitProblem({ status, signal }: ProcessExit): string | undefined {
  if (signal !== null) return `ended by signal ${signalName(signal)}`;
  return status === 0 ? undefined : `exit status ${status}`;
}

function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? String(signal);
}
