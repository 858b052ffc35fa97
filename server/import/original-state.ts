import type { OriginalState } from './imported-client.js';
import { readOriginalJson } from './original-json.js';
import { readOriginalPickle } from './original-pickle.js';

/** How far into a file its first character may be. */
const HEAD_BYTES = 256;

/**
 * Reads the state of a server of the original Mandos 1.8: the output of `mandos-ctl --dump-json`, or the clients.pickle
 * of a stopped one (mandos(8), FILES).
 * @throws MandosError IMPORT_JSON, IMPORT_PICKLE: it is neither, or damaged; its message says the rest of "the file …"
 */
export function readOriginalState(bytes: Uint8Array): OriginalState {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1');
  return head.trimStart().startsWith('{') ? readOriginalJson(bytes) : readOriginalPickle(bytes);
}
