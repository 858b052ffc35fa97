import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { MandosError } from '../../common/errors.js';
import type { ClientStore, StoreBatch, StoredClient } from '../client/store.js';
import { lockDirectory, stateError } from './directory.js';
import { encodeClient } from './record.js';
import { readStoredFile } from './stored-file.js';
import type { Change, Request } from './writer-protocol.js';
import { Writer } from './writer.js';

export { digest } from './record.js';

const FILE_NAME = 'clients.mdb';

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
 * @throws MandosError STATE: the directory is in use, or cannot be used; STATE_NEWER: its file is a later version's;
 *   STATE_CORRUPT: its file is damaged. The file stays as it is then.
 */
export async function openStateStore(directory: string): Promise<StateStore> {
  const lockFd = await lockDirectory(directory);
  const path = join(directory, FILE_NAME);
  const writer = new Writer(path, lockFd);
  const unlock = () => closeSync(lockFd);
  try {
    const store = new LmdbStore(path, writer, readStoredFile(path), unlock);
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
  #stored: StoredClient[];
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(path: string, writer: Writer, stored: StoredClient[], unlock: () => void) {
    this.#path = path;
    this.#writer = writer;
    this.#stored = stored;
    this.#unlock = unlock;
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
      await this.#ask({ kind: 'write', changes: [] });
    }
  }

  load(): StoredClient[] {
    const stored = this.#stored;
    this.#stored = [];
    return stored;
  }

  write(batch: StoreBatch): Promise<void> {
    const forgotten = batch.forgotten.map((name): Change => [name, undefined]);
    return this.#ask({ kind: 'write', changes: [...forgotten, ...changesOf(batch)] });
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
    try {
      await answer;
    } catch (error) {
      throw stateError(this.#path, 'cannot be written', error);
    }
  }
}

function changesOf({ saved, removed }: Pick<StoreBatch, 'saved' | 'removed'>): Change[] {
  return [
    ...removed.map((client): Change => [client.settings.name, encodeClient(client, true)]),
    ...saved.map((client): Change => [client.settings.name, encodeClient(client, false)]),
  ];
}
