import { closeSync, openSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import type { StoredClient } from '../client/store.js';
import { stateError } from './directory.js';
import { DamagedFileError, readEntries } from './lmdb-file.js';
import { decodeClient, FORMAT_VERSION, keyOf, unseal, VERSION_KEY } from './record.js';

/** What it costs to do without the file. */
const LOSS =
  'to start with what the configuration says alone; that loses who was enabled, disabled, removed, added or changed by an operator, and who was disabled for not answering';

/**
 * All that is stored, each record checked. Without a file there is nothing. Nobody else may write it meanwhile.
 * @throws MandosError STATE: it cannot be read; STATE_NEWER: it is a later version's; STATE_CORRUPT: it is damaged
 */
export function readStoredFile(path: string): StoredClient[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw stateError(path, 'cannot be read', error);
  }
  try {
    return decodeAll(path, fd);
  } catch (error) {
    if (error instanceof MandosError) throw error;
    if (!(error instanceof DamagedFileError)) throw stateError(path, 'cannot be read', error);
    const message = `${path}: is damaged: ${describeError(error)}; move it aside ${LOSS}`;
    throw new MandosError('STATE_CORRUPT', message, { cause: error });
  } finally {
    closeSync(fd);
  }
}

function decodeAll(path: string, fd: number): StoredClient[] {
  const clients: StoredClient[] = [];
  let version: number | undefined;
  for (const { key, value } of readEntries(fd)) {
    const text = unseal(key, value);
    if (text === undefined) throw new DamagedFileError(`the record ${nameOf(key)} is spoilt`);
    if (version !== undefined) clients.push(decodeRecord(key, text));
    else if (key.equals(VERSION_KEY)) version = checkVersion(path, Number(text));
    else break;
  }
  if (version === undefined) throw new DamagedFileError('the record of its format is missing');
  return clients;
}

/** Records of an older format are to be turned into ones of this format where they are decoded. There is none yet. */
function checkVersion(path: string, version: number): number {
  if (version > FORMAT_VERSION) {
    const problem = `has format ${version}, and this version of mandos knows formats up to ${FORMAT_VERSION}`;
    const advice = `start the version of mandos that wrote it, or move it aside ${LOSS}`;
    throw new MandosError('STATE_NEWER', `${path}: ${problem}; ${advice}`);
  }
  if (version !== FORMAT_VERSION) throw new DamagedFileError(`its format ${version} cannot be`);
  return version;
}

function decodeRecord(key: Buffer, text: string): StoredClient {
  let client: StoredClient | undefined;
  try {
    client = decodeClient(text);
  } catch {
    // Told below.
  }
  if (!client || !keyOf(client.name).equals(key)) {
    throw new DamagedFileError(`the record ${nameOf(key)} cannot be read`);
  }
  return client;
}

function nameOf(key: Buffer): string {
  return JSON.stringify(key.toString());
}
