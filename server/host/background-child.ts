import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { replaceDescriptor } from '../../common/libc-process.js';
import { BACKGROUND_VARIABLE, READY } from './background.js';

/** Checkers and the server's files are made with what the original has. */
const UMASK = 0o022;

/** This process is the one in the background. */
export interface Background {
  readonly isReady: boolean;
  /**
   * Lets go of the terminal and the directory in which it was started, and lets the process that started it end.
   * Nothing is written to standard output and standard error any more.
   */
  ready(): void;
}

/**
 * Whether this process was started by runInBackground, and how to say that it is ready. To be called once, before any
 * other process is started: it removes what tells so from the environment. Until the process is ready, it ends when
 * the one that started it does.
 * @returns undefined for a process that was not
 */
export function background(): Background | undefined {
  const fd = reportDescriptor();
  if (fd === undefined) return undefined;
  process.umask(UMASK);
  let isReady = false;
  const report = new Socket({ fd });
  report.on('error', () => {});
  report.once('close', () => {
    if (!isReady) process.exit(1);
  });
  report.resume();
  report.unref();
  return {
    get isReady() {
      return isReady;
    },
    ready() {
      if (isReady) return;
      isReady = true;
      process.chdir('/');
      leaveTerminal();
      report.end(READY);
    },
  };
}

function reportDescriptor(): number | undefined {
  const value = process.env[BACKGROUND_VARIABLE];
  delete process.env[BACKGROUND_VARIABLE];
  if (value === undefined || !/^\d{1,6}$/.test(value)) return undefined;
  try {
    return fstatSync(Number(value)).isSocket() ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}

function leaveTerminal(): void {
  const nowhere = openSync('/dev/null', 'r+');
  for (const fd of [1, 2]) replaceDescriptor(nowhere, fd);
  closeSync(nowhere);
}
