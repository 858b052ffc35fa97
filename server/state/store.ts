import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { ClientStore, StoreBatch, StoredClient } from '../client/store.js';
import { lockDirectory, stateError } from './directory.js';
import { encodeClient } from './record.js';
import { readStoredFile } from './stored-file.js';
import type { Change, Request } from './writer-protocol.js';
import { checkWriterProgram, Writer } from './writer.js';

export { digest } from './record.js';

/** Of the file in the state directory. */
export const FILE_NAME = 'clients.mdb';
/** Longer than a disk in order takes for a write, be it busy: whoever waits should know what for. */
const SLOW_WRITE_MS = 5_000;

export interface StateStore extends ClientStore {
  /** What was stored when the store was opened. To be called once: it is handed over, and not kept. */
  load(): StoredClient[];
  /**
   * Stores these and forgets all others, or changes nothing.
   * @throws MandosError STATE
   */
  replaceAll(batch: Pick<StoreBatch, 'saved' | 'removed'>): Promise<void>;
  /** Resolves when nothing of it is open any more. What is being written is written to its end. */
  close(): Promise<void>;
}

/**
 * Opens the state directory, for this process alone; it is made if there is none.
 * @param log is told of a disk that does not answer, and of what others do to the file
 * @param beginAnew called with the directory locked when there is no client in it, before anything is written; when it
 *   throws, nothing is
 * @throws MandosError STATE: the directory is in use, or cannot be used; STATE_NEWER: its file is a later version's;
 *   STATE_CORRUPT: its file is damaged. The file stays as it is then.
 */
export async function openStateStore(
  directory: string,
  log?: Log,
  beginAnew: () => void = () => {},
): Promise<StateStore> {
  checkWriterProgram();
  const lockFd = await lockDirectory(directory);
  const path = join(directory, FILE_NAME);
  const writer = new Writer(path, lockFd);
  const unlock = () => closeSync(lockFd);
  try {
    const stored = readStoredFile(path);
    if (stored.length === 0) beginAnew();
    const store = new LmdbStore(path, writer, stored, unlock, log);
    await store.open();
    return store;
  } catch (error) {
    await writer.close();
    unlock();
    throw error;
  }
}

class LmdbStore implements StateStore {
  readonly #path: string;
  readonly #writer: Writer;
  readonly #unlock: () => void;
  readonly #log: Log | undefined;
  /** Of the file as the last write has left it. */
  #identity: string | undefined;
  #stored: StoredClient[];
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(
    path: string,
    writer: Writer,
    stored: StoredClient[],
    unlock: () => void,
    log: Log | undefined,
  ) {
    this.#path = path;
    this.#writer = writer;
    this.#stored = stored;
    this.#unlock = unlock;
    this.#log = log;
  }

  async open(): Promise<void> {
    if (!existsSync(this.#path)) {
      await this.#ask({ kind: 'rebuild', changes: [] });
      return;
    }
    try {
      await this.#ask({ kind: 'rebuild', changes: undefined });
    } catch {
      // Where there is no room for a second file, the old one has to do.
      await this.#ask({ kind: 'write', identity: undefined, changes: [] });
    }
  }

  load(): StoredClient[] {
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  write(batch: StoreBatch): Promise<void> {
    const forgotten = batch.forgotten.map((name): Change => [name, undefined]);
    const changes = [...forgotten, ...changesOf(batch)];
    return this.#ask({ kind: 'write', identity: this.#identity, changes });
  }

  replaceAll(batch: Pick<StoreBatch, 'saved' | 'removed'>): Promise<void> {
    return this.#ask({ kind: 'rebuild', changes: changesOf(batch) });
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#last;
    await this.#writer.close();
    this.#unlock();
  }

  async #ask(request: Request): Promise<void> {
    if (this.#closed) throw new MandosError('STATE', `${this.#path}: is closed`);
    const answer = this.#writer.ask(request);
    this.#last = answer.catch(() => {});
    const isOver = this.#watch();
    try {
      const { identity, putBack } = await answer;
      this.#identity = identity;
      if (putBack) this.#log?.critical(`${this.#path}: was removed by another program; it is written again`);
    } catch (error) {
      throw stateError(this.#path, 'cannot be written', error);
    } finally {
      isOver();
    }
  }

  /** Says when a write takes too long, and when it is over then. */
  #watch(): () => void {
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      const problem = `the disk has not answered for ${SLOW_WRITE_MS / 1000} s`;
      this.#log?.critical(`${this.#path}: ${problem}; decisions wait until it does`);
    }, SLOW_WRITE_MS);
    timer.unref();
    return () => {
      clearTimeout(timer);
      if (isSlow) this.#log?.warning(`${this.#path}: the disk answers again`);
    };
  }
}

function changesOf({ saved, removed }: Pick<StoreBatch, 'saved' | 'removed'>): Change[] {
  return [
    ...removed.map((client): Change => [client.settings.name, encodeClient(client, true)]),
    ...saved.map((client): Change => [client.settings.name, encodeClient(client, false)]),
  ];
}
