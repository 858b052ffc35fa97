import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { signalGroup } from '../../common/process-group.js';
import { endGroup } from '../checker/process-group.js';
import { NOT_FOUND, STOP_GRACE_MS } from '../checker/running-check.js';
import { checkerAttribute } from '../client/checker-attributes.js';
import { expandChecker } from '../client/checker-expansion.js';
import type { CheckOutcome, Client } from '../client/client.js';
import { isMapped, systemServiceUser } from '../host/service-user.js';
import type { CheckFacts } from './facts.js';

/** For one checker: a silent host takes fping 4 s, and whoever asks waits for this. */
const CHECKER_LIMIT_MS = 20_000;
/** Of what it writes: its last line is shown. */
const OUTPUT_LIMIT_CHARS = 4096;

/** Runs the client's checker once, as the server would: as its user, by a shell, in `/`, with nothing to read. */
export async function runChecker(client: Client, limitMs = CHECKER_LIMIT_MS): Promise<CheckFacts> {
  const command = expandChecker(client.settings.checker, name => checkerAttribute(client, name));
  const user = serviceUser();
  const child = spawn('/bin/sh', ['-c', `umask 022; ${command}`], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // What whoever asks has in the environment is not the checker's.
    env: { PATH: process.env['PATH'] },
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LIMIT_CHARS);
    });
  }
  const ended = new Promise<CheckOutcome>(resolve => {
    child.once('error', () => resolve({ kind: 'exited', status: NOT_FOUND }));
    child.once('exit', (status, signal) => {
      // What it has left in the background is not waited for.
      signalGroup(child, 'SIGKILL');
      resolve(
        signal === null
          ? { kind: 'exited', status: status ?? 0 }
          : { kind: 'killed', signal: constants.signals[signal] },
      );
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (outcome === undefined) await endGroup(child, ended, STOP_GRACE_MS);
  // What was written last may come after the end.
  await new Promise(resolve => setImmediate(resolve));
  child.stdout.destroy();
  child.stderr.destroy();
  const said = output.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return { command, outcome, limitMs, said, user: user?.name ?? 'this user' };
}

/** Whom root's server runs as; undefined where that is whoever runs this. */
function serviceUser() {
  if (process.geteuid?.() !== 0) return undefined;
  const user = systemServiceUser();
  return user && isMapped(user) ? user : undefined;
}
