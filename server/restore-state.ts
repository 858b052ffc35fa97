import { existsSync } from 'node:fs';
import { MandosError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { after } from '../common/timer.js';
import { Ledger } from './client/ledger.js';
import { Registry } from './client/registry.js';
import { restoreClients } from './client/restore.js';
import { handedOverFiles } from './export/handed-over-files.js';
import type { ServerOptions } from './options.js';
import type { LoadedConfiguration } from './reload.js';
import { describeIgnored, describeRestored } from './restore-report.js';
import type { StateStore } from './state/store.js';
import { digest, FILE_NAME } from './state/store.js';

/** Milliseconds: at a hundred writes a second a fleet boots as fast as at more, and no machine notices the wait. */
const GATHER_MS = 10;

/**
 * For a start without a state: whether there is one to be taken over. Who was disabled there would be enabled, and a
 * later `--take-over` would find the state of that start, which stays.
 * @throws MandosError STATE, unless the state is to be ignored: the log is told of that then
 */
export function checkTakenOver({ stateDirectory, restore }: ServerOptions, log: Log): void {
  const { original, ownAside } = handedOverFiles(stateDirectory, FILE_NAME);
  const found = [original, ownAside].filter(path => existsSync(path));
  if (found.length === 0) return;
  const files = found.join(' and ');
  if (!restore) {
    log.warning(`--no-restore: ${files}: not taken over`);
    return;
  }
  const problem = `${files}: not taken over yet; without it, clients that were disabled would be enabled`;
  const advice = `run "mandos --take-over --statedir=${stateDirectory}" first, or move it aside to begin anew`;
  throw new MandosError('STATE', `${problem}; ${advice}`);
}

/**
 * The clients to start with: those of the configuration, as they were when the last server ended. What that makes of
 * them is stored soon.
 * @param nowMs milliseconds since the Unix epoch
 */
export function restoreState(
  store: StateStore,
  { clients, options }: LoadedConfiguration,
  log: Log,
  nowMs: number,
): { readonly registry: Registry; readonly ledger: Ledger } {
  const stored = store.load();
  if (!options.restore) for (const line of describeIgnored(stored)) log.warning(line);
  const restored = restoreClients(clients, options.restore ? stored : [], {
    nowMs,
    random: Math.random,
    digest,
  });
  for (const line of describeRestored(restored)) log.warning(line);
  const registry = new Registry(restored.clients);
  const ledger = new Ledger(registry, store, log, { after, gatherMs: GATHER_MS });
  const names = restored.clients.map(({ settings }) => settings.name);
  const kept = new Set([...names, ...(options.restore ? restored.removed : [])]);
  ledger.record(
    names,
    stored.map(({ name }) => name).filter(name => !kept.has(name)),
  );
  return { registry, ledger };
}
