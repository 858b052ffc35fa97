import { closeSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { PROGRAM } from './command-line.js';
import type { HandedOverFiles } from './export/handed-over-files.js';
import { handedOverFiles } from './export/handed-over-files.js';
import { dropPrivileges } from './host/privileges.js';
import type { LoadedOptions } from './options.js';
import { importFile } from './run-import.js';
import { lockDirectory } from './state/directory.js';
import { FILE_NAME } from './state/store.js';
import { readStoredFile } from './state/stored-file.js';
import { syncDirectory } from '../common/sync-directory.js';

/**
 * `mandos --take-over`: what is to be done before the first start after an original server, and nothing at any other.
 * A state of this server's own that knows a client stays. Otherwise the original's is taken over, or, where it has not
 * run since this server has handed its state over, that state.
 * @throws MandosError when there is a state and it cannot be used: this server must not start then, since a client that
 *   was disabled would be enabled
 */
export async function runTakeOver(loaded: LoadedOptions): Promise<void> {
  const { stateDirectory, logLevel } = loaded.options;
  const files = handedOverFiles(stateDirectory, FILE_NAME);
  const isThere = existsSync(files.original) || existsSync(files.ownAside);
  // A file without clients is what an import leaves that could not be finished.
  if (!isThere || readStoredFile(files.own).length > 0) return;
  const hasOwnAside = existsSync(files.ownAside);
  if (hasOwnAside && (!existsSync(files.original) || isSame(files.original, files.handedOver))) {
    dropPrivileges(createLog(standardErrorSink(PROGRAM.name), logLevel));
    await takeBack(stateDirectory, files);
    return;
  }
  await importFile(loaded, files.original);
  renameSync(files.original, files.originalAside);
  for (const path of [files.ownAside, files.handedOver]) rmSync(path, { force: true });
  syncDirectory(stateDirectory);
}

async function takeBack(stateDirectory: string, files: HandedOverFiles): Promise<void> {
  const lock = await lockDirectory(stateDirectory);
  try {
    const isUntouched = existsSync(files.original);
    renameSync(files.ownAside, files.own);
    for (const path of [files.original, files.handedOver]) rmSync(path, { force: true });
    syncDirectory(stateDirectory);
    const what = isUntouched
      ? 'no other server has run since it was handed over'
      : 'another server has run since, and has left no state: it was killed, or still runs';
    printOut(`${files.own}: taken back, as ${what}\n`);
  } finally {
    closeSync(lock);
  }
}

function isSame(one: string, other: string): boolean {
  return existsSync(other) && readFileSync(one).equals(readFileSync(other));
}
