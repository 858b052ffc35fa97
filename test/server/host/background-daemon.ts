import { execFileSync } from 'node:child_process';
import { openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { background } from '../../../server/host/background-child.js';
import { runInBackground } from '../../../server/host/background.js';
import { chooseLogSink } from '../../../server/host/log-sink.js';

/**
 * A program for background.test.ts that goes to the background as the server does. Its arguments are what it does
 * there, and a named pipe that it holds open until it ends.
 */
/** More than a pipe holds: all of it must have been taken when the starter ends. */
const LONG = `${'x'.repeat(1_000_000)}\n`;

const [behaviour, pipe] = process.argv.slice(2);
const child = background();
if (child === undefined) process.exitCode = await runInBackground(process.argv.slice(2));
else {
  const fd = pipe === undefined ? undefined : openSync(pipe, 'w');
  process.stdout.write(`pid ${process.pid}\n`);
  setTimeout(() => {}, 100_000_000); // keeps the process alive
  switch (behaviour) {
    case 'fail':
      process.stderr.write('clients.conf:1: is wrong\nnot started\n');
      process.exit(3);
      break;
    case 'be killed':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'serve':
      process.on('SIGHUP', () => {
        // More than a pipe holds; nobody reads it any more.
        for (const stream of [process.stdout, process.stderr]) stream.write(LONG);
        writeSync(fd ?? -1, `${JSON.stringify(report())}\n`);
      });
      process.stderr.write('before readiness\n');
      process.stdout.write(LONG);
      child.ready();
      child.ready();
      break;
    case 'log': {
      const sink = chooseLogSink('daemon', child);
      sink.write('error', 'before readiness');
      child.ready();
      sink.write('warning', 'after readiness');
      break;
    }
    case 'wait':
      break;
    case undefined:
    default:
      throw new Error(`unknown: ${behaviour}`);
  }
}

export interface Report {
  readonly directory: string;
  readonly pid: number;
  readonly session: number;
  readonly descriptors: Readonly<Record<string, string>>;
  /** What a child of the daemon's says of itself: its umask, MANDOS variables, and descriptors. */
  readonly child: string;
}

function report(): Report {
  const descriptors: Record<string, string> = {};
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      descriptors[fd] = readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The one that listed the directory.
    }
  }
  const script =
    'umask; env | grep MANDOS_BACKGROUND; for fd in /proc/$$/fd/*; do echo "${fd##*/} $(readlink "$fd")"; done';
  const [, session] =
    / \d+ \d+ (\d+) /.exec(readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) . /, ' ')) ?? [];
  return {
    directory: process.cwd(),
    pid: process.pid,
    session: Number(session),
    descriptors,
    child: execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}
