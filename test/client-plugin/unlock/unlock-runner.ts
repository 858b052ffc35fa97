import { existsSync, readFileSync, unlinkSync } from 'node:fs';
import { createLog } from '../../../common/log.js';
import { processPrivileges } from '../../../client-plugin/privileges.js';
import { consoleSink } from '../../../client-plugin/unlock/console-sink.js';
import { Cryptroot } from '../../../client-plugin/unlock/cryptroot.js';
import { runUnlock } from '../../../client-plugin/unlock/run-unlock.js';

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

async function obtain(signal: AbortSignal): Promise<Uint8Array> {
  log.info('looking for servers');
  privileges.lower();
  while (!existsSync(FILE)) {
    await new Promise(resolve => {
      setTimeout(resolve, POLL_MS);
    });
    if (!signal.aborted) continue;
    log.info('tidied up');
    signal.throwIfAborted();
  }
  log.info(`effective user: ${process.geteuid?.()}`);
  return privileges.asRoot(() => {
    const password = readFileSync(FILE);
    unlinkSync(FILE);
    return password;
  });
}

process.exit(await runUnlock({ cryptroot, log, obtain: (_, signal) => obtain(signal) }));
