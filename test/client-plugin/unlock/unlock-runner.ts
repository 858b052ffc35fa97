import { appendFileSync, existsSync, readFileSync, unlinkSync } from 'node:fs';
import type { Log } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import { onEndSignals } from '../../../client-plugin/signals.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { consoleSink } from '../../../client-plugin/unlock/console-sink.js';
import { Cryptroot } from '../../../client-plugin/unlock/cryptroot.js';
import { runUnlock } from '../../../client-plugin/unlock/run-unlock.js';
import type { Scene } from '../../../client-plugin/unlock/unlock-plan.js';

// The program as it runs in an initramfs, with a search that finds what the test has put into a file.
const FILE = '/control/password';
const POLL_MS = 20;

const privileges = processPrivileges();
const cryptroot = new Cryptroot(privileges);
const sink = consoleSink(
  () => cryptroot.prompt(),
  text => process.stderr.write(text),
);
const log = createLog(sink, 'info');

/** Lines that the test wants to be written. */
const SAY = '/control/say';

async function obtain(searchLog: Log, signal: AbortSignal): Promise<Uint8Array> {
  searchLog.info('looking for servers');
  privileges.lower();
  while (!existsSync(FILE)) {
    await new Promise(resolve => {
      setTimeout(resolve, POLL_MS);
    });
    if (existsSync(SAY)) searchLog.info(privileges.asRoot(() => take(SAY)).toString());
    if (!signal.aborted) continue;
    searchLog.info('tidied up');
    signal.throwIfAborted();
  }
  searchLog.info(`found the password as user ${process.geteuid?.()}`);
  return privileges.asRoot(() => take(FILE));
}

function take(file: string): Buffer {
  const content = readFileSync(file);
  unlinkSync(file);
  return content;
}

/** For the test to wait for: one byte for each look at the machine. */
function look(): Scene {
  const scene = cryptroot.look();
  privileges.asRoot(() => appendFileSync('/control/looks', '.'));
  return scene;
}

const watched = { look, answer: (...args: Parameters<Cryptroot['answer']>) => cryptroot.answer(...args) };
const { signal } = onEndSignals();
process.exit(await runUnlock({ cryptroot: watched, log, obtain, signal }));
