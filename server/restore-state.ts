import type { Log } from '../common/log.js';
import { after } from '../common/timer.js';
import { Ledger } from './client/ledger.js';
import { Registry } from './client/registry.js';
import { restoreClients } from './client/restore.js';
import type { LoadedConfiguration } from './reload.js';
import { describeIgnored, describeRestored } from './restore-report.js';
import type { StateStore } from './state/store.js';
import { digest } from './state/store.js';

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
  const ledger = new Ledger(registry, store, log, { after });
  const names = restored.clients.map(({ settings }) => settings.name);
  const kept = new Set([...names, ...(options.restore ? restored.removed : [])]);
  ledger.record(
    names,
    stored.map(({ name }) => name).filter(name => !kept.has(name)),
  );
  return { registry, ledger };
}
