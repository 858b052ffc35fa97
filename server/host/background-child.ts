import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { replaceDescriptor } from '../../common/libc-process.js';
import { BACKGROUND_VARIABLE, FIRST_DESCRIPTOR, READY } from './background.js';

/** Checkers and the server's files are made with what the original has. */
const UMASK = 0o022;

/** This process is the one in the background. */
export interface Background {
  readonly isReady: boolean;
  /**
   * Lets go of the directory in which it was started, and of standard output and standard error as soon as what is
   * written to them so far has been taken; then lets the process that started it end.
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
  report.unref();
  return {
    get isReady() {
      return isReady;
    },
    ready() {
      if (isReady) return;
      isReady = true;
      process.chdir('/');
      void leaveTerminal().then(() => report.end(READY));
    },
  };
}

function reportDescriptor(): number | undefined {
  const value = process.env[BACKGROUND_VARIABLE];
  delete process.env[BACKGROUND_VARIABLE];
  const fd = Number(value);
  if (!(Number.isInteger(fd) && fd >= FIRST_DESCRIPTOR)) return undefined;
  try {
    return fstatSync(fd).isSocket() ? fd : undefined;
  } catch {
    return undefined;
  }
}

async function leaveTerminal(): Promise<void> {
  // A write under way when its descriptor is replaced would be lost, and end the process.
  await Promise.all([process.stdout, process.stderr].map(taken));
  const nowhere = openSync('/dev/null', 'r+');
  for (const fd of [1, 2]) replaceDescriptor(nowhere, fd);
  closeSync(nowhere);
}

/** Settles when all that was written has been taken, or never will be. */
function taken(stream: NodeJS.WriteStream): Promise<void> {
  stream.on('error', () => {});
  return new Promise(resolve => {
    stream.write('', () => resolve());
  });
}
