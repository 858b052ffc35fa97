import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { Privileges } from '../privileges.js';

/** The splash screen's daemon writes its process ID here. */
const PID_FILE = '/run/plymouth/pid';
const DAEMON = 'plymouthd';
const DAEMON_FILE = '/sbin/plymouthd';

/** How long plymouthd may take to end, and each program that shows it again. */
const LIMIT_MS = 3_000;
const POLL_MS = 50;

/** A running plymouthd(8). */
export interface Daemon {
  readonly pid: number;
  /** The words that it was started with. */
  readonly command: readonly string[];
}

/** Whether plymouthd is running, or says so itself: then the screen and the keyboard are its own. */
export function isPlymouthRunning(): boolean {
  return existsSync(PID_FILE) || findDaemon() !== undefined;
}

/** Looks for plymouthd among the processes (proc(5)). */
export function findDaemon(): Daemon | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const command = commandOf(entry);
    // The first character of a program that is to outlive the initramfs may be replaced by "@".
    if (command[0]?.split(/[/@]/).at(-1) === DAEMON) return { pid: Number(entry), command };
  }
  return undefined;
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return []; // It has ended meanwhile.
  }
}

/**
 * Ends plymouthd and starts it again with the same words: it cannot withdraw a question (plymouth(8mandos), BUGS).
 * Only root's is touched. What fails is said; a splash screen is not worth more.
 * @param client plymouth(1)
 */
export async function restartDaemon(
  { pid, command }: Daemon,
  client: string,
  privileges: Privileges,
  log: Log,
): Promise<void> {
  if (ownerOf(pid) !== 0) return;
  send(pid, 'SIGTERM', privileges);
  for (let waitedMs = 0; ownerOf(pid) !== undefined; waitedMs += POLL_MS) {
    if (waitedMs >= LIMIT_MS) send(pid, 'SIGKILL', privileges);
    if (waitedMs >= 2 * LIMIT_MS) return;
    await sleep(POLL_MS);
  }
  const run = async (file: string, args: readonly string[]) => {
    const why = await runDetached(file, args, privileges);
    if (why !== undefined) log.warning(`cannot start ${file} again: ${why}`);
  };
  await run(DAEMON_FILE, command.slice(1));
  await run(client, ['show-splash']);
}

/** @returns why it could not be started; undefined also for a program that stays in the foreground */
function runDetached(
  file: string,
  args: readonly string[],
  privileges: Privileges,
): Promise<string | undefined> {
  return new Promise(resolve => {
    const child = privileges.asRoot(() => spawn(file, args, { stdio: 'ignore', detached: true }));
    child.once('error', error => resolve(describeError(error)));
    child.once('exit', status => resolve(status === 0 ? undefined : `it ended with status ${status}`));
    setTimeout(() => resolve(undefined), LIMIT_MS);
    child.unref();
  });
}

function send(pid: number, signal: NodeJS.Signals, privileges: Privileges): void {
  try {
    privileges.asRoot(() => process.kill(pid, signal));
  } catch {
    // It has ended already.
  }
}

/** User of a process; undefined when there is none, or a dead one that nobody has asked after. */
function ownerOf(pid: number): number | undefined {
  if (commandOf(String(pid)).length === 0) return undefined;
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}
