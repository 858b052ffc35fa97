import { open } from 'lmdb';

/** A database as the store has it, for a test to read and to write what the store would not. */
export function openLmdb(path: string) {
  return open<Buffer, Buffer>({
    path,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
    mapSize: 2 ** 30,
  });
}
