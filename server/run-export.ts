import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import type { OptionValues } from '../common/cli.js';
import { lastValue } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { describeError, MandosError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { loadClients } from './clients-config.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';
import type { ExportedState } from './export/export-state.js';
import { exportState } from './export/export-state.js';
import { handedOverFiles } from './export/handed-over-files.js';
import { describeExport } from './export/summary.js';
import { dropPrivileges } from './host/privileges.js';
import { isMapped, systemServiceUser } from './host/service-user.js';
import type { LoadedOptions, ServerOptions } from './options.js';
import { lockDirectory } from './state/directory.js';
import { FILE_NAME } from './state/store.js';
import { readStoredFile } from './state/stored-file.js';
import { syncDirectory } from '../common/sync-directory.js';

/**
 * `mandos --export-state`: writes the state of the clients as the original keeps its own, and says what that is. The
 * state itself stays as it is.
 * @throws MandosError EXPORT_FILE, STATE and others
 */
export async function runExport(values: OptionValues, loaded: LoadedOptions): Promise<void> {
  const file = lastValue(values, 'export-state') ?? '';
  await withState(loaded, async ({ options, secrets, becomeUser }) => {
    const { own } = handedOverFiles(options.stateDirectory, FILE_NAME);
    // By root, so that it can be anywhere.
    const fd = createFile(file);
    try {
      if (process.geteuid?.() === 0) giveToService(fd);
      becomeUser();
      const state = await withLock(options.stateDirectory, () =>
        exportState(readStoredFile(own), secrets, Date.now()),
      );
      writeAndSync(fd, state.bytes);
      report(file, state);
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * `mandos --hand-over`: leaves the state of the clients to an original server, which reads it at its start, and sets
 * this server's aside, which grows old from then on. Without a state there is nothing to do. What was interrupted is
 * done to its end by the next call, and at no time both states are missing.
 * @throws MandosError when the state cannot be left; then this server has it still
 */
export async function runHandOver(loaded: LoadedOptions): Promise<void> {
  await withState(loaded, async ({ options, secrets, becomeUser }) => {
    becomeUser();
    const { stateDirectory } = options;
    const files = handedOverFiles(stateDirectory, FILE_NAME);
    if (!existsSync(files.own) && !existsSync(files.ownAside)) {
      printOut(`${stateDirectory}: there is no state to hand over\n`);
      return;
    }
    await withLock(stateDirectory, async () => {
      // An earlier call has come as far as here.
      if (!existsSync(files.own) && !existsSync(files.original)) renameSync(files.ownAside, files.own);
      if (!existsSync(files.own)) return;
      const state = await exportState(readStoredFile(files.own), secrets, Date.now());
      const unfinished = `${files.original}.new`;
      for (const path of [unfinished, files.handedOver]) {
        rmSync(path, { force: true });
        const fd = createFile(path);
        try {
          writeAndSync(fd, state.bytes);
        } finally {
          closeSync(fd);
        }
      }
      renameSync(files.own, files.ownAside);
      renameSync(unfinished, files.original);
      syncDirectory(stateDirectory);
      report(files.original, state);
    });
  });
}

interface State {
  readonly options: ServerOptions;
  /** Of clients.conf, by client. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Gives up root. */
  readonly becomeUser: () => void;
}

async function withState(loaded: LoadedOptions, run: (state: State) => Promise<void>): Promise<void> {
  const { options, faults } = loaded;
  const log = createLog(standardErrorSink(PROGRAM.name), options.logLevel);
  for (const fault of faults) log[fault.severity](formatFault(fault));
  // The state may be elsewhere, then.
  if (countErrors(faults) > 0) throw new MandosError('CONFIGURATION', 'the configuration has errors');
  const secrets = readSecrets(options, log);
  // Without a listener, Node.js would let others of that user debug this process.
  process.on('SIGUSR1', () => {});
  await run({ options, secrets, becomeUser: () => void dropPrivileges(log) });
}

/** A clients.conf with errors is no reason to keep the state: without its secrets, few lack anything. */
function readSecrets({ configDirectory }: ServerOptions, log: Log): Map<string, Uint8Array> {
  const { clients, faults } = loadClients(configDirectory, systemFiles);
  for (const fault of faults) log[fault.severity](formatFault(fault));
  return new Map(clients.map(({ name, secret }) => [name, secret]));
}

async function withLock<T>(directory: string, run: () => Promise<T>): Promise<T> {
  const fd = await lockDirectory(directory);
  try {
    return await run();
  } finally {
    closeSync(fd);
  }
}

function createFile(path: string): number {
  try {
    return openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const problem = isThere ? 'is there already: name a new file' : `cannot be made: ${describeError(error)}`;
    const message = `${path}: ${problem}`;
    throw new MandosError('EXPORT_FILE', message, { cause: error });
  }
}

/** The original reads it as root, and keeps it as the user that both servers run as. */
function giveToService(fd: number): void {
  const user = systemServiceUser();
  if (user && isMapped(user)) fchownSync(fd, user.uid, user.gid);
}

function writeAndSync(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  fsyncSync(fd);
}

function report(file: string, state: ExportedState): void {
  printOut(`${describeExport(file, state).join('\n')}\n`);
}
