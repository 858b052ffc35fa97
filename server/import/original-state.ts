import type { OriginalState } from './imported-client.js';
import { readOriginalJson } from './original-json.js';
import { NOT_A_STATE, readOriginalPickle } from './original-pickle.js';
import { pickleFault } from './pickle-bytes.js';

/** How far into a file its first character may be. */
const HEAD_BYTES = 256;
/** Opcode PROTO, with which a pickle begins from protocol 2 on; the original writes no older one. */
const PICKLE_START = 0x80;

/**
 * Reads the state of a server of the original Mandos 1.8: the output of `mandos-ctl --dump-json`, or the clients.pickle
 * of a stopped one (mandos(8), FILES).
 * @throws MandosError IMPORT_JSON, IMPORT_PICKLE: it is neither, or damaged; its message says the rest of "the file …"
 */
export function readOriginalState(bytes: Uint8Array): OriginalState {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1');
  if (head.trimStart().startsWith('{')) return readOriginalJson(bytes);
  try {
    return readOriginalPickle(bytes);
  } catch (error) {
    if (bytes[0] === PICKLE_START) throw error;
    // What a pickle would have wrong here says nothing of a file that is none.
    throw pickleFault(NOT_A_STATE, error);
  }
}
