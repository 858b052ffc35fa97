import { describeError, MandosError } from '../../common/errors.js';
import { printable } from '../../common/log.js';
import type { ClientSettings } from '../client/settings.js';
import type { ConfigFiles } from '../config/files.js';
import type { ImportedClient, OriginalState } from './imported-client.js';
import { readOriginalState } from './original-state.js';
import type { ImportPlan } from './plan.js';
import { planImport } from './plan.js';
import { openSavedSecret } from './saved-secret.js';

/** Bytes that the original's state may have: fifteen thousand clients with secrets of 2 kB, in either format. */
export const STATE_LIMIT_BYTES = 64 * 1024 * 1024;

const FORMATS =
  'needed: the output of "mandos-ctl --dump-json" of a running server, or the clients.pickle of a stopped one';

/**
 * Reads the state of a server of the original Mandos and decides what of it is taken over; nothing is stored.
 * A pickle's secrets cost some 70 ms of one processor each, as at the original's own start.
 * @param configured what this server's clients.conf says
 * @param nowMs milliseconds since the Unix epoch
 * @throws MandosError IMPORT_FILE, IMPORT_JSON, IMPORT_PICKLE: the file cannot be read or used
 */
export async function importState(
  file: string,
  configured: readonly ClientSettings[],
  files: Pick<ConfigFiles, 'read'>,
  nowMs: number,
): Promise<ImportPlan> {
  const state = readState(file, files);
  const secrets = new Map(configured.map(({ name, secret }) => [name, secret]));
  const clients: ImportedClient[] = [];
  for (const client of state.clients) {
    const sealed = state.sealedSecrets.get(client.name);
    const known = secrets.get(client.name);
    // One after the other: each waits for the processor only.
    const secret = sealed && known && (await openSavedSecret(sealed, known));
    clients.push(secret ? { ...client, settings: { ...client.settings, secret } } : client);
  }
  return planImport(configured, { clients, configuredThen: state.configuredThen }, nowMs);
}

function readState(file: string, files: Pick<ConfigFiles, 'read'>): OriginalState {
  const content = files.read(file, STATE_LIMIT_BYTES);
  switch (content.kind) {
    case 'missing':
      throw fault(file, `does not exist (${FORMATS})`);
    case 'unreadable':
      throw fault(file, `cannot be read: ${content.reason}`);
    case 'read':
      if (content.bytes.length === 0) throw fault(file, `is empty (${FORMATS})`);
      try {
        return readOriginalState(content.bytes);
      } catch (error) {
        if (!(error instanceof MandosError)) throw error;
        throw new MandosError(error.code, printable(`${file} ${describeError(error)} (${FORMATS})`), {
          cause: error,
        });
      }
  }
}

function fault(file: string, what: string): MandosError {
  return new MandosError('IMPORT_FILE', `${file} ${what}`);
}
